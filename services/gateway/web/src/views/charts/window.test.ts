import { describe, expect, it } from 'vitest';
import { table, valueAt, within } from './window';

const kept = { length: 4, timeAt: (i: number) => i * 1000, valueAt: (i: number) => i * 10 };

describe('within', () => {
  it('takes what is in sight', () => {
    expect(within(kept, 1000, 2000)).toEqual([
      { at: 1000, value: 10 },
      { at: 2000, value: 20 },
    ]);
    expect(within(undefined, 0, 9000)).toEqual([]);
  });
});

describe('valueAt', () => {
  it('is the nearest reading, and none where nothing was read near it', () => {
    const points = within(kept, 0, 9000);
    expect(valueAt(points, 1400, 1500)).toBe(10);
    expect(valueAt(points, 9000, 1500)).toBeNull();
    expect(valueAt([], 0, 1500)).toBeNull();
  });
});

describe('table', () => {
  it('has a row a time, the newest first, and says where there is no reading', () => {
    const one = { name: 'a', points: within(kept, 0, 1000) };
    const other = { name: 'b', points: [{ at: 1000, value: 5 }] };
    expect(table([{ metric: 'cpu_percent', lines: [one, other] }])).toEqual({
      heads: [
        { metric: 'cpu_percent', name: 'a' },
        { metric: 'cpu_percent', name: 'b' },
      ],
      rows: [
        { at: 1000, values: [10, 5] },
        { at: 0, values: [0, null] },
      ],
    });
  });
});
