/**
 * Keeps the reader where they are when lines come in above: what has the focus, or is at the top of the screen, stays where it was.
 *
 * An attachment of the list, whose children are its lines. The browser's own way (`overflow-anchor`) knows nothing of the focus; it is off there.
 */
export function keepPlace(list: Element): () => void {
  let anchor: Element | null = null;
  let top = 0;

  function note(): void {
    anchor = anchorIn(list);
    top = anchor?.getBoundingClientRect().top ?? 0;
  }

  // Told after the lines changed, and before they are drawn.
  const changes = new MutationObserver(() => {
    const moved = anchor?.isConnected ? anchor.getBoundingClientRect().top - top : 0;
    if (moved !== 0) scrollBy({ top: moved, behavior: 'instant' });
    note();
  });
  changes.observe(list, { childList: true });
  list.addEventListener('focusin', note);
  list.addEventListener('focusout', note);
  addEventListener('scroll', note, { passive: true });
  addEventListener('resize', note);
  note();
  return () => {
    changes.disconnect();
    removeEventListener('scroll', note);
    removeEventListener('resize', note);
  };
}

/** What has the focus; or, where the list's beginning is out of sight, its first line that is not. */
function anchorIn(list: Element): Element | null {
  if (list.contains(document.activeElement)) return document.activeElement;
  if (list.getBoundingClientRect().top >= 0) return null;
  return [...list.children].find((line) => line.getBoundingClientRect().bottom > 0) ?? null;
}
