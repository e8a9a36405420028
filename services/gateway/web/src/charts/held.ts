/** Where the keyboard holds the cursor of charts that share one: it stays at its time while the readings move on under it. */
import { SvelteMap } from 'svelte/reactivity';

/** It was taken away. */
export const GONE = -Infinity;

/** Seconds since 1970, by the key that the charts share; none: the mouse has it. */
export const held = new SvelteMap<string, number>();
