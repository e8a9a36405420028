/** Where the keyboard holds the cursor of charts that share one: it stays at its time while the readings move on under it. */

/** It was taken away. */
export const GONE = -Infinity;

class Held {
  #times = $state.raw<ReadonlyMap<string, number>>(new Map());

  /** Seconds since 1970, by the key that the charts share; undefined: the mouse has it. */
  get(key: string): number | undefined {
    return this.#times.get(key);
  }

  set(key: string, time: number): void {
    this.#times = new Map(this.#times).set(key, time);
  }

  /** Gives it to the mouse. */
  release(key: string): void {
    if (this.get(key) !== undefined) this.#times = new Map([...this.#times].filter(([other]) => other !== key));
  }
}

export const held = new Held();
