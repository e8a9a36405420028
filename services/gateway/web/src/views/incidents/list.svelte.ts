/**
 * The list of incidents: pages that are asked for, kept true by what is told live.
 *
 * Invariant: a line that is shown stays until the filters change, also when it does not fit them any more: nothing vanishes under the
 * reader's eyes or focus.
 */
import { get, problemOf } from '../../api/client';
import type { IncidentRecord } from '../../api/story';
import type { Incident, Problem } from '../../api/types';
import { type Filters, fits, NONE, request } from './filters';
import { merged, type Row, rowOf, updated } from './rows';

interface Page {
  incidents: IncidentRecord[];
  next: string | null;
}

/** What is told live comes in bursts; the times of the phases, which only the record has, are asked for once a burst. */
const SETTLE_MS = 400;
/** The record is written after the news is out: it is asked for again so often, and later each time, until it has caught up. */
const CATCH_UP_TRIES = 6;

export class IncidentList {
  rows = $state.raw<Row[]>([]);
  /** Where the next page begins; null: there is none. */
  next = $state.raw<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The first page is being asked for. */
  loading = $state(true);
  /** An older page is. */
  loadingMore = $state(false);

  #filters = NONE;
  #told = new Map<string, Incident>();
  #running = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Shows the first page under these filters. */
  async show(filters: Filters): Promise<void> {
    this.stop();
    this.#running = new AbortController();
    this.#filters = filters;
    this.rows = [];
    this.next = null;
    this.loading = true;
    await this.#read(null);
    if (this.#filters !== filters) return;
    this.loading = false;
    this.#take([...this.#told.values()]);
  }

  /** Adds the next page. */
  async more(): Promise<void> {
    if (!this.next || this.loadingMore) return;
    this.loadingMore = true;
    await this.#read(this.next);
    this.loadingMore = false;
  }

  /** Takes what was told live: states change at once, new ones appear, and the record is asked for soon. */
  hear(incidents: readonly Incident[]): void {
    const news = incidents.filter((incident) => this.#told.get(incident.id) !== incident);
    this.#told = new Map(incidents.map((incident) => [incident.id, incident]));
    if (!this.loading && this.#take(news)) this.#catchUp(0);
  }

  /** Forgets what was asked: the view is gone. */
  stop(): void {
    this.#running.abort();
    clearTimeout(this.#timer);
  }

  /** Whether any of it belongs in the list. */
  #take(news: readonly Incident[]): boolean {
    const shown = new Map(this.rows.map((row) => [row.id, row]));
    const lines = news.flatMap((incident) => {
      const row = shown.get(incident.id);
      if (row) return updated(row, incident);
      return fits(this.#filters, incident, Date.now()) && this.#isWithin(incident) ? rowOf(incident) : [];
    });
    if (lines.length > 0) this.rows = merged(this.rows, lines);
    return lines.length > 0;
  }

  /** Older ones than the last line belong to a page that was not asked for yet. */
  #isWithin(incident: Incident): boolean {
    const last = this.rows.at(-1);
    return this.next === null || last === undefined || Date.parse(incident.opened_at) >= Date.parse(last.opened_at);
  }

  async #read(before: string | null, isFresh = true): Promise<Page | null> {
    const { signal } = this.#running;
    try {
      const page = await get<Page>(request(this.#filters, before), signal);
      if (signal.aborted) return null;
      this.rows = merged(
        this.rows,
        page.incidents.map((record) => updated(record, this.#told.get(record.id))),
      );
      if (isFresh) this.next = page.next;
      this.problem = null;
      return page;
    } catch (error) {
      if (!signal.aborted) this.problem = problemOf(error);
      return null;
    }
  }

  #catchUp(tries: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const page = await this.#read(null, false);
      const isBehind = page?.incidents.some((record) => {
        const told = this.#told.get(record.id);
        return told !== undefined && told.state !== record.state;
      });
      if (isBehind && tries < CATCH_UP_TRIES) this.#catchUp(tries + 1);
    }, SETTLE_MS * 2 ** tries);
  }
}
