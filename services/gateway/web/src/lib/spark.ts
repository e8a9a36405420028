/** The line of a sparkline. Pure. */
import type { Series } from '../live/history';

/** Two minutes are shown: long enough to see a fault begin, be healed and be over. */
export const WINDOW_MS = 120_000;

/** Readings come once a second. A longer gap is one, and the line breaks: what was not measured is not drawn. */
const GAP_MS = 3_500;

/** A last reading that is older than this is not how it is now: three seconds were missed. */
const STALE_MS = 4_000;

/** What the scale reaches at least, by how a metric ends: so that noise near zero stays near zero. */
const FLOORS: readonly [ending: string, floor: number][] = [
  ['cpu_percent', 50],
  ['memory_used_percent', 100],
  ['error_percent', 10],
  ['_ms', 50],
];

/**
 * The line of the last readings before `now` (milliseconds since 1970): an SVG path in a box of 100 by 100, zero at the bottom; empty when
 * there is nothing to draw.
 */
export function line(metric: string, series: Series | undefined, now: number): string {
  if (!series) return '';
  const from = now - WINDOW_MS;
  const top = scale(metric, series, from);
  let path = '';
  let before = -Infinity;
  for (let index = 0; index < series.length; index += 1) {
    const time = series.timeAt(index);
    if (time < from) continue;
    const x = ((time - from) / WINDOW_MS) * 100;
    const y = 100 - (series.valueAt(index) / top) * 100;
    path += `${time - before > GAP_MS ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = time;
  }
  return path;
}

/** The newest reading; null when there is none that holds now. */
export function newest(series: Series | undefined, now: number): number | null {
  const last = (series?.length ?? 0) - 1;
  return !series || last < 0 || now - series.timeAt(last) > STALE_MS ? null : series.valueAt(last);
}

/** What is at the top of the box. */
function scale(metric: string, series: Series, from: number): number {
  let top = FLOORS.find(([ending]) => metric.endsWith(ending))?.[1] ?? 1e-9;
  for (let index = 0; index < series.length; index += 1) {
    if (series.timeAt(index) >= from) top = Math.max(top, series.valueAt(index) * 1.15);
  }
  return top;
}
