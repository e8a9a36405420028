/**
 * The live state of the page: one event stream a tab, applied to one world, which every view reads.
 *
 * Invariant: what is read here is known. While the gateway or its bus is away, `world` is obscured, and says since when.
 */
import { get } from '../api/client';
import type { Samples, SamplesReport } from '../api/types';
import { clock } from '../lib/format';
import { History } from './history';
import { INITIAL, broke, heard, isSilent, retryMs } from './link';
import { type LiveEvent, type World, apply, obscured } from './world';

/** Every event that changes the world; the contract's other two are handled by name. */
const CHANGES = ['snapshot', 'bus', 'node', 'node_gone', 'arena', 'incident', 'fault', 'command', 'questions'] as const;

/** How often silence is looked for, and times on the page count. */
const TICK_MS = 1_000;

/** Why nothing is known. */
export interface Unknown {
  /** RFC 3339; null: it never was. */
  since: string | null;
  why: string;
}

class Live {
  /** As it was last told. */
  #told = $state.raw<World | null>(null);
  #link = $state.raw(INITIAL);
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** How far the gateway's clock is ahead of the page's, in milliseconds. */
  #ahead = 0;
  #listeners: ((event: LiveEvent) => void)[] = [];

  /** The last readings; it grows in place, and `now` moves whenever it did. */
  readonly history = new History();
  /** Now, by the gateway's clock, in milliseconds since 1970; moves with the samples, and once a second without them. */
  now = $state(Date.now());

  /** `connecting`: nothing was heard yet. `unknown`: what was heard is not to be trusted any more. */
  readonly state = $derived.by((): 'connecting' | 'live' | 'unknown' => {
    if (this.unknown) return 'unknown';
    return this.#told ? 'live' : 'connecting';
  });

  /** Why nothing is known; null when all is. */
  readonly unknown = $derived.by((): Unknown | null => {
    if (this.#link.state === 'lost') {
      const since = this.#link.heardAt === null ? null : new Date(this.#link.heardAt + this.#ahead).toISOString();
      return { since, why: since ? `nothing is heard of the gateway since ${clock(since)}` : 'the gateway does not answer' };
    }
    const bus = this.#told?.bus;
    if (bus && !bus.connected) return { since: bus.since, why: `the gateway hears nothing of the bus since ${clock(bus.since)}` };
    return null;
  });

  /** The last moment that is known of, in milliseconds since 1970: now, or since when nothing is. */
  readonly knownUntil = $derived(this.unknown?.since ? Date.parse(this.unknown.since) : this.now);

  /** The world as far as it is known; null until the first snapshot. */
  readonly world = $derived.by((): World | null => {
    if (!this.#told || !this.unknown) return this.#told;
    return obscured(this.#told, this.unknown.since, this.unknown.why);
  });

  /** What happened before this page was opened is still being read: incidents, faults and commands are not all there yet. */
  readonly reading = $derived(this.#told !== null && !this.#told.bus.caught_up);

  /** Opens the stream, and keeps it open until the function that is returned is called. */
  start(): () => void {
    this.#open();
    const ticks = setInterval(() => this.#tick(), TICK_MS);
    return () => {
      clearInterval(ticks);
      clearTimeout(this.#retry);
      this.#source?.close();
    };
  }

  /** Calls `listener` with each event that changes the world, after it did. For as long as the page is there. */
  listen(listener: (event: LiveEvent) => void): void {
    this.#listeners.push(listener);
  }

  #open(): void {
    this.#source?.close();
    const source = new EventSource('/api/v1/events');
    this.#source = source;
    for (const type of CHANGES) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        this.#hear();
        this.#change({ type, data: JSON.parse(message.data) } as LiveEvent);
      });
    }
    source.addEventListener('samples', (message: MessageEvent<string>) => {
      this.#hear();
      this.history.push(JSON.parse(message.data) as Samples);
      this.#move();
    });
    // A snapshot follows `resync`; `alive` is there to be heard.
    for (const type of ['resync', 'alive']) source.addEventListener(type, () => this.#hear());
    source.addEventListener('error', () => this.#broke(source));
  }

  #change(event: LiveEvent): void {
    const isFirst = this.#told === null;
    if (event.type === 'snapshot') this.#ahead = Date.parse(event.data.at) - Date.now();
    this.#told = apply(this.#told, event);
    for (const listener of this.#listeners) listener(event);
    if (isFirst) void this.#fill();
  }

  /** What was measured before this page was opened. Without it the sparklines begin now, which is no reason to complain. */
  async #fill(): Promise<void> {
    try {
      this.history.fill(await get<SamplesReport>('/samples'));
      this.#move();
    } catch (error) {
      console.warn('no earlier samples:', error);
    }
  }

  #hear(): void {
    this.#link = heard(Date.now());
  }

  #broke(source: EventSource): void {
    this.#link = broke(this.#link);
    // Otherwise the browser itself tries again, with the id of the last event.
    if (source.readyState === EventSource.CLOSED) this.#openLater();
  }

  #openLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), retryMs(this.#link));
  }

  #move(): void {
    this.now = Date.now() + this.#ahead;
  }

  #tick(): void {
    // Samples move it, too: what is drawn with it is drawn once a second and not twice.
    if (Date.now() + this.#ahead - this.now > TICK_MS / 2) this.#move();
    if (!isSilent(this.#link, Date.now())) return;
    this.#source?.close();
    this.#link = broke(this.#link);
    this.#openLater();
  }
}

export const live = new Live();
