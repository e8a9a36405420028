import { describe, expect, it } from 'vitest';
import { place, ticks, total, waterfall, type Timed } from './waterfall';

const opened = '2026-01-01T00:00:03.000Z';
const at = (ms: number): number => Date.parse(opened) + ms;
const over: Timed = {
  opened_at: opened,
  ended_at: '2026-01-01T00:00:06.100Z',
  detect_ms: 2000,
  plan_ms: 1,
  act_ms: 99,
  verify_ms: 3000,
};

describe('waterfall', () => {
  it('begins at the first abnormal sample, each phase where the last ended', () => {
    const { origin, span, bars } = waterfall(over, at(60_000));
    expect(origin).toBe(at(-2000));
    expect(span).toBe(5100);
    expect(bars.map((bar) => [bar.phase, bar.state, bar.from, bar.length])).toEqual([
      ['detect', 'done', 0, 2000],
      ['plan', 'done', 2000, 1],
      ['act', 'done', 2001, 99],
      ['verify', 'done', 2100, 3000],
    ]);
  });

  it('lets the phase that is not known yet last until now, and no later one', () => {
    const live = { ...over, ended_at: null, act_ms: null, verify_ms: null };
    const { span, bars } = waterfall(live, at(500));
    expect(bars.map((bar) => bar.state)).toEqual(['done', 'done', 'running', 'none']);
    expect(bars[2]?.length).toBe(499);
    expect(span).toBe(2500);
  });

  it('invents no phase for an incident that ended without a command', () => {
    const alone = { ...over, plan_ms: null, act_ms: null, verify_ms: null };
    const { span, bars } = waterfall(alone, at(60_000));
    expect(bars.map((bar) => bar.state)).toEqual(['done', 'none', 'none', 'none']);
    expect(span).toBe(5100);
  });

  it('does not take a clock that is behind for a negative length', () => {
    const live = { ...over, ended_at: null, plan_ms: null, act_ms: null, verify_ms: null };
    expect(waterfall(live, at(-5000)).bars[1]?.length).toBe(0);
  });

  it('knows the total only when it is over', () => {
    expect(total(over)).toBe(5100);
    expect(total({ ...over, ended_at: null })).toBeNull();
  });
});

describe('place', () => {
  it('keeps proportions', () => {
    expect(place(2000, 1000, 5000, 100, 2)).toEqual({ x: 40, width: 20 });
  });
  it('makes the shortest visible, inside the drawing', () => {
    expect(place(5000, 1, 5001, 100, 2)).toEqual({ x: 98, width: 2 });
    expect(place(0, 1, 5001, 100, 2)).toEqual({ x: 0, width: 2 });
  });
});

describe('ticks', () => {
  it('counts in round steps, few enough', () => {
    expect(ticks(5100, 6)).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
    expect(ticks(1, 5)).toEqual([0, 1]);
    expect(ticks(90_000, 6)).toEqual([0, 15_000, 30_000, 45_000, 60_000, 75_000, 90_000]);
    expect(ticks(40 * 864e5, 5).length).toBeLessThanOrEqual(6);
  });
});
