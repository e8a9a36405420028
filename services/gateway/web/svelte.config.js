// Runes everywhere: one way to write a component.
export default {
  compilerOptions: { runes: true },
};
