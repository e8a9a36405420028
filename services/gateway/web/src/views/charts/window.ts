/** What of the kept readings is in sight. Pure. */
import { join, type Kept, nearest, type Point } from '../../charts/series';

/** One metric of the entities that have it. */
export interface Group {
  metric: string;
  lines: { name: string; points: Point[] }[];
}

/** The readings from `from` to `to`, in ms since 1970. */
export function within(kept: Kept | undefined, from: number, to: number): Point[] {
  const points: Point[] = [];
  for (let index = 0; index < (kept?.length ?? 0); index += 1) {
    const at = kept?.timeAt(index) ?? NaN;
    if (at >= from && at <= to) points.push({ at, value: kept?.valueAt(index) ?? NaN });
  }
  return points;
}

/** A metric of an entity at a time; null where nothing was read within `reach` ms of it. */
export function valueAt(points: readonly Point[], at: number, reach: number): number | null {
  const found = points[nearest(points.map((point) => point.at), at)];
  return found && Math.abs(found.at - at) <= reach ? found.value : null;
}

/** A table of all lines of all groups: a row a time, the newest first. */
export function table(groups: readonly Group[]): { heads: { metric: string; name: string }[]; rows: { at: number; values: (number | null)[] }[] } {
  const lines = groups.flatMap(({ metric, lines }) => lines.map((line) => ({ metric, ...line })));
  const { times, values } = join(lines.map((line) => line.points));
  const rows = times.map((at, index) => ({ at: at * 1000, values: values.map((line) => line[index] ?? null) }));
  return {
    heads: lines.map(({ metric, name }) => ({ metric, name })),
    // A time that only breaks a line has no reading.
    rows: rows.filter((row) => row.values.some((value) => value !== null)).reverse(),
  };
}
