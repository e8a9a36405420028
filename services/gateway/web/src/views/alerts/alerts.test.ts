import { describe, expect, it } from 'vitest';
import { type Alert, fails, inOrder, standing } from './alerts';

describe('standing', () => {
  it('never shows as well what was not repeated', () => {
    expect(standing({ state: 'FIRING', stale: false }).tone).toBe('bad');
    expect(standing({ state: 'FIRING', stale: true }).tone).toBe('unknown');
    expect(standing({ state: 'RESOLVED', stale: false }).tone).toBe('good');
  });
});

describe('fails', () => {
  it('goes by what was tried last', () => {
    const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'];
    expect(fails({ last_error_at: null, last_delivered_at: null })).toBe(false);
    expect(fails({ last_error_at: early, last_delivered_at: null })).toBe(true);
    expect(fails({ last_error_at: early, last_delivered_at: late })).toBe(false);
    expect(fails({ last_error_at: late, last_delivered_at: early })).toBe(true);
  });
});

describe('inOrder', () => {
  it('has what fires first, then the latest', () => {
    const alert = (fingerprint: string, state: string, minute: number) => ({ fingerprint, state, starts_at: `2026-01-01T00:0${minute}:00Z` }) as Alert;
    const sorted = inOrder([alert('a', 'RESOLVED', 5), alert('b', 'FIRING', 1), alert('c', 'FIRING', 2)]);
    expect(sorted.map((one) => one.fingerprint)).toEqual(['c', 'b', 'a']);
  });
});
