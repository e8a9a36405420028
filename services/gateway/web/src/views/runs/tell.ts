/** A run's record in words and lines. Pure. */
import type { Criterion, Run, RunSample } from '../../api/run';
import { duration } from '../../lib/format';

/** What is reached one after the other, and what it is called. */
const MILESTONES: readonly [key: string, says: string][] = [
  ['steady_ms', 'steady'],
  ['inject_ms', 'fault'],
  ['detect_ms', 'detected'],
  ['plan_ms', 'planned'],
  ['act_ms', 'acted'],
  ['clear_ms', 'cleared'],
  ['healed_ms', 'users well'],
];

export interface Milestone {
  says: string;
  at: number;
  /** Since the first fault; null before it. */
  since: string | null;
}

/** Those that were reached, in their order. */
export function milestones(run: Run): Milestone[] {
  const fault = run.milestones['inject_ms'] ?? null;
  return MILESTONES.flatMap(([key, says]) => {
    const at = run.milestones[key] ?? null;
    if (at === null) return [];
    return [{ says, at, since: fault === null || at < fault ? null : `+${duration(at - fault)}` }];
  });
}

/** The number of a criterion: a time under a name that ends so, else a count. */
export function numberOf(criterion: Criterion): string {
  if (criterion.number === null) return '–';
  return criterion.name.endsWith('_ms') ? duration(criterion.number) : String(criterion.number);
}

/** What was felt, as lines under each other. */
export const FELT: readonly { key: keyof Omit<RunSample, 'at_ms'>; says: string; metric: string }[] = [
  { key: 'user_error_percent', says: 'users’ errors', metric: 'user_error_percent' },
  { key: 'user_latency_p95_ms', says: 'users’ latency p95', metric: 'user_latency_p95_ms' },
  { key: 'services_unhealthy', says: 'services not healthy', metric: 'services_unhealthy' },
];

/** A reading that is older than this is followed by a gap: the watch looks four times a second. */
const GAP_MS = 1_500;

export interface Line {
  /** An SVG path in a box of 100 by 100, zero at the bottom. */
  path: string;
  max: number;
}

/** One of them over the whole run. */
export function line(samples: RunSample[], key: keyof Omit<RunSample, 'at_ms'>, end: number): Line {
  const known = samples.flatMap((sample) => {
    const value = sample[key];
    return value === null ? [] : [{ at: sample.at_ms, value }];
  });
  const max = Math.max(0, ...known.map((point) => point.value));
  const top = Math.max(max * 1.1, 1);
  let before = -Infinity;
  const path = known.map(({ at, value }) => {
    const move = at - before > GAP_MS ? 'M' : 'L';
    before = at;
    return `${move}${((at / Math.max(end, 1)) * 100).toFixed(2)} ${(100 - (value / top) * 100).toFixed(1)}`;
  });
  return { path: path.join(''), max };
}
