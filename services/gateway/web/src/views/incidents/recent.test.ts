import { describe, expect, it } from 'vitest';
import { extended } from './recent';

const track = { entity: 'node-1/orders', metric: 'cpu_percent', judged: true, points: [{ at: 2000, value: 90 }, { at: 3000, value: 95 }] };
const kept = (...times: number[]) => ({ length: times.length, timeAt: (i: number) => times[i] ?? NaN, valueAt: () => 10 });

describe('extended', () => {
  it('adds what was kept around the story, within the range, and nothing in between', () => {
    const { points } = extended(track, kept(0, 1000, 2500, 4000, 9000), [500, 5000]);
    expect(points.map((point) => point.at)).toEqual([1000, 2000, 3000, 4000]);
  });
  it('leaves a story alone of which nothing was kept', () => {
    expect(extended(track, undefined, [0, 9000]).points).toEqual(track.points);
  });
});
