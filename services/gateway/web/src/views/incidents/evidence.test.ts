import { describe, expect, it } from 'vitest';
import { firstAbnormal, moments, tracks } from './evidence';
import { story } from './fixture';

const at = (seconds: number): number => Date.parse('2026-01-01T00:00:00Z') + seconds * 1000;

describe('tracks', () => {
  it('joins what the detector and the node saw of one metric, what was judged first', () => {
    expect(tracks(story).map(({ entity, metric, judged }) => [entity, metric, judged])).toEqual([
      ['node-1/orders', 'cpu_percent', true],
      ['node-1/orders', 'memory_bytes', false],
      ['node-1/edge', 'latency_p95_ms', false],
    ]);
    expect(tracks(story)[0]?.points).toEqual([
      { at: at(0), value: 20 },
      { at: at(1), value: 95.5 },
      { at: at(2), value: 97.3 },
    ]);
  });

  it('has none of a story that shows nothing', () => {
    expect(tracks({ ...story, events: [], evidence: [] })).toEqual([]);
  });
});

describe('moments', () => {
  it('tells them in order, from the first abnormal sample to the verdict', () => {
    expect(moments(story).map((moment) => [(moment.at - at(0)) / 1000, moment.kind, moment.text])).toEqual([
      [1, 'abnormal', 'first abnormal sample'],
      [3, 'opened', 'cpu_high opened'],
      [4, 'command', 'restart node-1/orders'],
      [4.1, 'outcome', 'restart node-1/orders: SUCCEEDED'],
      [6, 'cleared', 'cpu_high cleared'],
      [9, 'verdict', 'RESOLVED, REMEDIATED'],
    ]);
  });

  it('has no verdict before there is one', () => {
    const live = { ...story, incident: { ...story.incident, ended_at: null } };
    expect(moments(live).some((moment) => moment.kind === 'verdict')).toBe(false);
  });
});

describe('firstAbnormal', () => {
  it('is what the detector said, and reckoned where it did not', () => {
    expect(firstAbnormal(story)).toBe(at(1));
    expect(firstAbnormal({ ...story, events: [] })).toBe(at(1));
    expect(firstAbnormal({ ...story, events: [], incident: { ...story.incident, detect_ms: null } })).toBe(at(3));
  });
});
