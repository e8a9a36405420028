/**
 * The page's address, by the history API. Links are plain `<a href>`: they open in new tabs, are copied and spoken as links.
 */
import { tick } from 'svelte';
import { match } from './routes';

class Router {
  #path = $state(location.pathname);
  #query = $state(location.search);
  /** A page is coming up that somebody went to. */
  #arriving = false;
  /** The address names a place that was not there yet. */
  #sought = location.hash !== '';

  /** Where we are. */
  readonly route = $derived(match(this.#path));
  /** What stands behind the `?`. */
  readonly query = $derived(new URLSearchParams(this.#query));

  /** Takes over links and the back button until the function that is returned is called. */
  start(): () => void {
    const onClick = (event: MouseEvent) => this.#click(event);
    const onPop = () => this.#arrive(false);
    document.addEventListener('click', onClick);
    window.addEventListener('popstate', onPop);
    return () => {
      document.removeEventListener('click', onClick);
      window.removeEventListener('popstate', onPop);
    };
  }

  /** Goes there, as a link does. */
  go(href: string): void {
    history.pushState(null, '', href);
    this.#arrive(true);
  }

  /** Changes what stands behind the `?` without a new entry in the history: filters. An empty value leaves its name out. */
  setQuery(values: Record<string, string>): void {
    const query = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(values)) {
      if (value === '') query.delete(name);
      else query.set(name, value);
    }
    this.#query = query.size > 0 ? `?${query}` : '';
    history.replaceState(null, '', `${location.pathname}${this.#query}${location.hash}`);
  }

  #click(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement || link instanceof SVGAElement)) return;
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !isPlain || link.hasAttribute('download') || link.hasAttribute('target')) return;
    const url = new URL(link.getAttribute('href') ?? '', location.href);
    // The gateway's other pages (`/docs`, `/metrics`) are none of ours, and a place on this page is the browser's affair.
    const isHere = url.pathname === location.pathname && url.search === location.search;
    if (url.origin !== location.origin || match(url.pathname).view === 'missing' || (isHere && url.hash !== '')) return;
    event.preventDefault();
    this.go(url.href);
  }

  #arrive(isNew: boolean): void {
    const isSamePage = this.#path === location.pathname;
    this.#path = location.pathname;
    this.#query = location.search;
    if (isSamePage) return;
    this.#arriving = true;
    this.#sought = location.hash !== '';
    // The back button puts the page where it was; that is the browser's affair.
    if (isNew) scrollTo(0, 0);
  }

  /**
   * Called by the page that has come up. Who hears it is told where they are, and who uses the keyboard starts at the top of it, or at
   * the place that the address names. Not on the first page: a browser begins there itself.
   */
  async shown(heading: HTMLElement): Promise<void> {
    if (!this.#arriving) return;
    this.#arriving = false;
    await tick();
    if (!this.reveal()) heading.focus({ preventScroll: true });
  }

  /** Goes to the place that the address names, once: what comes from the gateway may be there later than its page. */
  reveal(): boolean {
    const target = this.#sought ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (!target) return false;
    this.#sought = false;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
    return true;
  }
}

export const router = new Router();
