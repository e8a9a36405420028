/**
 * Series that were told apart, joined on one axis of time as a chart wants them. Pure.
 *
 * What is missing is null, and a longer silence than its own beat is broken by a null: a gap is shown, never a line over it.
 */

/** One value at a time (ms since 1970). */
export interface Point {
  at: number;
  value: number;
}

/** What is kept of a series (`live/history`). */
export interface Kept {
  readonly length: number;
  timeAt(index: number): number;
  valueAt(index: number): number;
}

/**
 * Times in seconds as uPlot counts them, and for each series what it has at every one of them: a value, null in a gap, or undefined where only
 * another series has a time (uPlot draws on, and a table says nothing).
 */
export interface Joined {
  times: number[];
  values: (number | null | undefined)[][];
}

/** So many times its beat may a series be silent before that counts as a gap: one lost message is none, two are. */
const GAP_BEATS = 2.5;

/** In order of time, one value a time: the last that was told. Values that are no number are no values. */
export function tidy(points: readonly Point[]): Point[] {
  const byTime = new Map<number, number>();
  for (const { at, value } of points) {
    if (Number.isFinite(at) && Number.isFinite(value)) byTime.set(at, value);
  }
  return [...byTime].map(([at, value]) => ({ at, value })).sort((one, other) => one.at - other.at);
}

/** The usual time between two points, in ms: the median; 0 for fewer than two. */
export function beat(points: readonly Point[]): number {
  const between = points.slice(1).map((point, i) => point.at - (points[i]?.at ?? point.at));
  between.sort((one, other) => one - other);
  return between[Math.floor(between.length / 2)] ?? 0;
}

/** Joins series on all their times, and one more inside each gap for the null that breaks the line. */
export function join(series: readonly (readonly Point[])[]): Joined {
  const clean = series.map(tidy);
  const gaps = clean.map(gapsOf);
  const times = new Set<number>();
  for (const points of clean) for (const point of points) times.add(point.at);
  for (const list of gaps) for (const at of list) times.add(at);
  const axis = [...times].sort((one, other) => one - other);
  const values = clean.map((points, i) => {
    const byTime = new Map<number, number | null>(points.map((point) => [point.at, point.value]));
    for (const at of gaps[i] ?? []) byTime.set(at, null);
    return axis.map((at) => byTime.get(at));
  });
  return { times: axis.map((at) => at / 1000), values };
}

/** A time inside each gap of a series, where a null shall stand. */
function gapsOf(points: readonly Point[]): number[] {
  const most = beat(points) * GAP_BEATS;
  const found: number[] = [];
  points.forEach((point, i) => {
    const last = points[i - 1];
    if (last && most > 0 && point.at - last.at > most) found.push((last.at + point.at) / 2);
  });
  return found;
}

/** The index of the time nearest to `at`; -1 when there is none. `times` in order. */
export function nearest(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  const [lower, upper] = [times[low], times[high]];
  if (lower === undefined || upper === undefined) return -1;
  return Math.abs(at - lower) <= Math.abs(upper - at) ? low : high;
}
