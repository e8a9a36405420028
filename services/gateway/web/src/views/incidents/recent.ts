/** Readings that were kept live, put after those of a story: what a node saw ends with its action, and whether that helped is seen after it. */
import type { Kept, Point } from '../../charts/series';
import type { Track } from './evidence';

/** A track with what was kept before its first and after its last reading, within a range (ms since 1970). */
export function extended(track: Track, kept: Kept | undefined, [from, to]: readonly [number, number]): Track {
  const first = track.points[0]?.at ?? Infinity;
  const last = track.points.at(-1)?.at ?? -Infinity;
  const more: Point[] = [];
  for (let index = 0; index < (kept?.length ?? 0); index += 1) {
    const at = kept?.timeAt(index) ?? NaN;
    const isWithin = at >= from && at <= to && (at < first || at > last);
    if (isWithin) more.push({ at, value: kept?.valueAt(index) ?? NaN });
  }
  const points = [...more.filter(({ at }) => at < first), ...track.points, ...more.filter(({ at }) => at > last)];
  return { ...track, points };
}
