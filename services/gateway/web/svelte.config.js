// Runes everywhere: one way to write a component.
export default {
  compilerOptions: {
    runes: true,
    // Each component's own class stands on each of its elements. Five characters tell a hundred components apart, and are lighter than fourteen;
    // two with the same styles may well share one.
    cssHash: ({ hash, css }) => `s${hash(css).slice(0, 4)}`,
  },
};
