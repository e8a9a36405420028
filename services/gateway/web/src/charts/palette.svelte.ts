/**
 * The colours of a canvas, which CSS cannot reach: read from the custom properties of the page, and anew when the scheme changes.
 */
import { theme } from '../lib/theme.svelte';
import type { Tone } from '../lib/words';

/** So many lines can be told apart in one chart, by colour and by dashes. `app.css` has a colour for each. */
export const LINES_MAX = 6;

/** The dashes of each line, so that colour is not all that tells them apart. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2], [10, 3, 2, 3], [4, 4], [1, 4]];

class Palette {
  /** Whether the system is dark; only its changes matter. */
  #dark = $state(false);
  #known = new Map<string, string>();
  #knownOf = '';
  #probe = document.createElement('i');

  constructor() {
    const query = matchMedia('(prefers-color-scheme: dark)');
    this.#dark = query.matches;
    query.addEventListener('change', () => (this.#dark = query.matches));
    this.#probe.hidden = true;
    document.body.append(this.#probe);
  }

  /** Changes whenever colours did: what draws reads it. */
  readonly version = $derived(`${theme.value} ${this.#dark}`);

  line(index: number): string {
    return this.#read(`--series-${(index % LINES_MAX) + 1}`);
  }

  tone(tone: Tone): string {
    return this.#read(`--${tone}`);
  }

  get text(): string {
    return this.#read('--muted');
  }

  get grid(): string {
    return this.#read('--line');
  }

  get surface(): string {
    return this.#read('--surface');
  }

  /** What the property comes to in the scheme of now: a canvas knows no `light-dark()`, but an element's colour is reckoned out. */
  #read(property: string): string {
    if (this.#knownOf !== this.version) {
      this.#known.clear();
      this.#knownOf = this.version;
    }
    const known = this.#known.get(property);
    if (known) return known;
    this.#probe.style.color = `var(${property})`;
    const colour = getComputedStyle(this.#probe).color;
    this.#known.set(property, colour);
    return colour;
  }
}

export const palette = new Palette();
