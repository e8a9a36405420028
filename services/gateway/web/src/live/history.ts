/**
 * The last readings of every series, for sparklines. Bounded: a ring a series, and so many series.
 */
import type { Samples, SamplesReport } from '../api/types';

/** Five minutes of a value a second: what the gateway keeps, too. */
export const POINTS_MAX = 300;

/** A hundred services with twenty metrics each, and as much again. More are not shown live, which is better than a page that dies. */
const SERIES_MAX = 4_000;

/** One series: the newest `POINTS_MAX` readings, oldest first. */
export class Series {
  #times = new Float64Array(POINTS_MAX);
  #values = new Float64Array(POINTS_MAX);
  #start = 0;
  length = 0;

  /** Adds a reading; one that is not newer than the last is dropped. Times are milliseconds since 1970. */
  push(time: number, value: number): void {
    if (this.length > 0 && time <= this.timeAt(this.length - 1)) return;
    const end = (this.#start + this.length) % POINTS_MAX;
    this.#times[end] = time;
    this.#values[end] = value;
    if (this.length < POINTS_MAX) this.length += 1;
    else this.#start = (this.#start + 1) % POINTS_MAX;
  }

  timeAt(index: number): number {
    return this.#times[(this.#start + index) % POINTS_MAX] ?? NaN;
  }

  valueAt(index: number): number {
    return this.#values[(this.#start + index) % POINTS_MAX] ?? NaN;
  }
}

/** An entity's name from its parts; a node has no service. */
export function entityName(node: string, service: string): string {
  return service === '' ? node : `${node}/${service}`;
}

export class History {
  #series = new Map<string, Series>();

  /** Adds what was gathered in one second. */
  push(samples: Samples): void {
    const time = Date.parse(samples.at);
    for (const [node, services] of Object.entries(samples.nodes)) {
      for (const [service, metrics] of Object.entries(services)) {
        for (const [metric, value] of Object.entries(metrics)) {
          this.#at(entityName(node, service), metric)?.push(time, value);
        }
      }
    }
  }

  /** Puts older readings before what there is already. */
  fill(report: SamplesReport): void {
    const times = report.at.map((at) => Date.parse(at));
    for (const { entity, metric, values } of report.series) {
      const later = this.get(entity, metric);
      const from = later && later.length > 0 ? later.timeAt(0) : Infinity;
      this.#series.delete(key(entity, metric));
      const series = this.#at(entity, metric);
      values.forEach((value, index) => {
        const time = times[index];
        if (value !== null && time !== undefined && time < from) series?.push(time, value);
      });
      for (let index = 0; later && index < later.length; index += 1) series?.push(later.timeAt(index), later.valueAt(index));
    }
  }

  /** A series; undefined when nothing of it was heard. */
  get(entity: string, metric: string): Series | undefined {
    return this.#series.get(key(entity, metric));
  }

  /** The metrics that were heard of an entity, by name. */
  metrics(entity: string): string[] {
    const begin = key(entity, '');
    return [...this.#series.keys()].filter((name) => name.startsWith(begin)).map((name) => name.slice(begin.length)).sort();
  }

  #at(entity: string, metric: string): Series | undefined {
    const name = key(entity, metric);
    const known = this.#series.get(name);
    if (known || this.#series.size >= SERIES_MAX) return known;
    const series = new Series();
    this.#series.set(name, series);
    return series;
  }
}

/** A line break is in no name. */
function key(entity: string, metric: string): string {
  return `${entity}\n${metric}`;
}
