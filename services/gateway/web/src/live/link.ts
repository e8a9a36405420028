/**
 * How well the page hears the gateway. Pure: what happens and the time go in, the link comes out.
 */

/** A page that hears nothing for so long knows nothing: the gateway is never silent for half of it (docs/gateway.md). */
export const SILENCE_MS = 12_000;

/** The first and the longest wait before a stream that was given up is opened again. */
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 10_000;

export interface Link {
  state: 'connecting' | 'live' | 'lost';
  /** When something was last heard, in milliseconds since 1970; null: never. */
  heardAt: number | null;
  /** How often in a row the stream was opened in vain. */
  failures: number;
}

export const INITIAL: Link = { state: 'connecting', heardAt: null, failures: 0 };

/** Something was heard. */
export function heard(now: number): Link {
  return { state: 'live', heardAt: now, failures: 0 };
}

/** The stream broke, or could not be opened. */
export function broke(link: Link): Link {
  return { ...link, state: 'lost', failures: link.failures + 1 };
}

/** Whether a stream that seems to be open has been silent for too long. */
export function isSilent(link: Link, now: number): boolean {
  return link.state === 'live' && link.heardAt !== null && now - link.heardAt > SILENCE_MS;
}

/** How long to wait before the stream is opened again: longer each time, so that a gateway that starts is not run over. */
export function retryMs(link: Link): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.max(0, link.failures - 1));
}
