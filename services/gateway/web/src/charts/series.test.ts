import { describe, expect, it } from 'vitest';
import { beat, join, nearest, tidy } from './series';

const points = (...pairs: [number, number][]) => pairs.map(([at, value]) => ({ at, value }));

describe('tidy', () => {
  it('orders, keeps the last word of a time, and drops what is no number', () => {
    expect(tidy(points([2000, 2], [1000, 1], [2000, 3], [3000, NaN], [NaN, 4]))).toEqual(points([1000, 1], [2000, 3]));
  });
});

describe('join', () => {
  it('puts series on one axis and invents nothing', () => {
    const joined = join([points([1000, 1], [2000, 2], [3000, 3]), points([1500, 10], [2500, 20])]);
    expect(joined.times).toEqual([1, 1.5, 2, 2.5, 3]);
    expect(joined.values).toEqual([
      [1, undefined, 2, undefined, 3],
      [undefined, 10, undefined, 20, undefined],
    ]);
  });

  it('breaks the line where a series was silent for longer than its beat', () => {
    const joined = join([points([1000, 1], [2000, 2], [3000, 3], [9000, 9])]);
    expect(joined.times).toEqual([1, 2, 3, 6, 9]);
    expect(joined.values[0]).toEqual([1, 2, 3, null, 9]);
  });

  it('does not call one lost message a gap', () => {
    expect(join([points([1000, 1], [2000, 2], [4000, 4], [5000, 5])]).values[0]).not.toContain(null);
  });

  it('has nothing to say of nothing', () => {
    expect(join([])).toEqual({ times: [], values: [] });
    expect(join([[]])).toEqual({ times: [], values: [[]] });
  });
});

describe('beat', () => {
  it('is the usual time between two points', () => {
    expect(beat(points([0, 1], [1000, 1], [2000, 1], [9000, 1]))).toBe(1000);
    expect(beat(points([0, 1]))).toBe(0);
  });
});

describe('nearest', () => {
  it('finds the closest time, from either side', () => {
    expect(nearest([1, 2, 3], 2.4)).toBe(1);
    expect(nearest([1, 2, 3], 2.6)).toBe(2);
    expect(nearest([1, 2, 3], -5)).toBe(0);
    expect(nearest([1, 2, 3], 50)).toBe(2);
    expect(nearest([], 1)).toBe(-1);
  });
});
