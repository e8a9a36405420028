import { describe, expect, it } from 'vitest';
import { clusters, marksNear, type Mark } from './marks';

const mark = (number: number, at: number, tone: Mark['tone'] = 'busy'): Mark => ({ number, at, tone, text: `mark ${number}` });

/** Ten a character. */
const width = (label: string): number => label.length * 10;
const placed = (...marks: [x: number, tone?: Mark['tone']][]) => marks.map(([x, tone], i) => ({ x, mark: mark(i + 1, x, tone) }));

describe('clusters', () => {
  it('keeps apart what can be read apart', () => {
    expect(clusters(placed([10], [20]), width).map((cluster) => cluster.label)).toEqual(['1', '2']);
  });

  it('puts together what would touch, under the worst tone', () => {
    expect(clusters(placed([10, 'good'], [12, 'bad'], [60]), width)).toEqual([
      { x: 10, label: '1–2', tone: 'bad' },
      { x: 60, label: '3', tone: 'busy' },
    ]);
  });

  it('looks back when a label has grown', () => {
    expect(clusters(placed([10], [21], [22]), width).map((cluster) => cluster.label)).toEqual(['1–3']);
  });
});

describe('marksNear', () => {
  it('finds those in reach, nearest first', () => {
    const marks = [mark(1, 100), mark(2, 140), mark(3, 900)];
    expect(marksNear(marks, 130, 50).map((one) => one.number)).toEqual([2, 1]);
  });
});
