/**
 * Keeps the reader where they are when lines come in above: what has the focus, or is at the top of the screen, stays where it was.
 */

/** Takes the measure; the function that is returned puts things back after the change. Null: there is nothing to keep. */
export function holdPlace(list: HTMLElement): (() => void) | null {
  const anchor = anchorIn(list);
  if (!anchor) return null;
  const before = anchor.getBoundingClientRect().top;
  return () => {
    const moved = anchor.getBoundingClientRect().top - before;
    if (anchor.isConnected && moved !== 0) scrollBy({ top: moved, behavior: 'instant' });
  };
}

/** What has the focus; or, where the list's beginning is out of sight, its first line that is not. */
function anchorIn(list: HTMLElement): Element | null {
  if (list.contains(document.activeElement)) return document.activeElement;
  if (list.getBoundingClientRect().top >= 0) return null;
  return [...list.children].find((line) => line.getBoundingClientRect().bottom > 0) ?? null;
}
