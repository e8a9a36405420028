import { describe, expect, it } from 'vitest';
import { clusters, marksNear, type Mark } from './marks';

const mark = (number: number, at: number, tone: Mark['tone'] = 'busy'): Mark => ({ number, at, tone, text: `mark ${number}` });

describe('clusters', () => {
  it('keeps apart what can be read apart', () => {
    const placed = [10, 40].map((x, i) => ({ x, mark: mark(i + 1, x) }));
    expect(clusters(placed, 20).map((cluster) => cluster.label)).toEqual(['1', '2']);
  });

  it('puts together what would cover each other, under the worst tone', () => {
    const placed = [
      { x: 10, mark: mark(1, 10, 'good') },
      { x: 12, mark: mark(2, 12, 'bad') },
      { x: 28, mark: mark(3, 28) },
      { x: 31, mark: mark(4, 31) },
    ];
    expect(clusters(placed, 20)).toEqual([
      { x: 10, label: '1–3', tone: 'bad' },
      { x: 31, label: '4', tone: 'busy' },
    ]);
  });
});

describe('marksNear', () => {
  it('finds those in reach, nearest first', () => {
    const marks = [mark(1, 100), mark(2, 140), mark(3, 900)];
    expect(marksNear(marks, 130, 50).map((one) => one.number)).toEqual([2, 1]);
  });
});
