import { expect, it } from 'vitest';
import type { Run, RunSample } from '../../api/run';
import { line, milestones, numberOf } from './tell';

const sample = (at_ms: number, user_error_percent: number | null): RunSample => ({
  at_ms,
  user_error_percent,
  user_latency_p95_ms: null,
  user_request_rate_hz: null,
  services_unhealthy: null,
  incidents_open: null,
});

it('counts milestones from the first fault, and leaves out what was not reached', () => {
  const run = { milestones: { steady_ms: 100, inject_ms: 200, detect_ms: 450, act_ms: null } } as unknown as Run;
  expect(milestones(run)).toEqual([
    { says: 'steady', at: 100, since: null },
    { says: 'fault', at: 200, since: '+0 ms' },
    { says: 'detected', at: 450, since: '+250 ms' },
  ]);
});

it('tells a number by the name of its criterion', () => {
  const criterion = { required: true, passed: true, reason: '' };
  expect(numberOf({ ...criterion, name: 'healed_ms', number: 1_700 })).toBe('1.7 s');
  expect(numberOf({ ...criterion, name: 'needless', number: 3 })).toBe('3');
  expect(numberOf({ ...criterion, name: 'quiet', number: null })).toBe('–');
});

it('draws no line where nothing was known', () => {
  const drawn = line([sample(0, 0), sample(250, 20), sample(500, null), sample(4_000, 10)], 'user_error_percent', 4_000);
  expect(drawn).toEqual({ path: 'M0.00 100.0L6.25 9.1M100.00 54.5', max: 20 });
});
