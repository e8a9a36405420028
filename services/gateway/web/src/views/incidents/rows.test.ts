import { describe, expect, it } from 'vitest';
import type { Incident } from '../../api/types';
import { story } from './fixture';
import { merged, rowOf, updated } from './rows';

const told: Incident = {
  id: 'inc-2',
  entity: 'node-1/orders',
  symptom: 'cpu_high',
  severity: 'WARNING',
  state: 'ACTING',
  resolution: null,
  root_cause: null,
  reason: 'cpu_percent = 99',
  first_abnormal_at: '2026-01-01T00:01:00.000Z',
  opened_at: '2026-01-01T00:01:02.500Z',
  ended_at: null,
  decision: 'ACT',
  trace_id: 'abc',
};

describe('rowOf', () => {
  it('knows of what is told live how long it took to detect, and no more', () => {
    expect(rowOf(told)).toMatchObject({ id: 'inc-2', state: 'ACTING', detect_ms: 2500, plan_ms: null, verify_ms: null });
  });
});

describe('updated', () => {
  it('takes the state from what is told live, and the times from the record', () => {
    const row = updated(story.incident, { ...told, id: 'inc-1', state: 'VERIFYING' });
    expect(row).toMatchObject({ id: 'inc-1', state: 'VERIFYING', act_ms: 100, detect_ms: 2000 });
  });
  it('leaves a line alone of which nothing was told', () => {
    expect(updated(story.incident, undefined)).toBe(story.incident);
  });
});

describe('merged', () => {
  it('has each once, the newest first, the later word last', () => {
    const rows = merged([story.incident, rowOf(told)], [rowOf({ ...told, state: 'RESOLVED' })]);
    expect(rows.map((row) => [row.id, row.state])).toEqual([
      ['inc-2', 'RESOLVED'],
      ['inc-1', 'RESOLVED'],
    ]);
  });
  it('keeps those of the same moment in the same order', () => {
    const same = ['inc-b', 'inc-a'].map((id) => rowOf({ ...told, id }));
    expect(merged(same, []).map((row) => row.id)).toEqual(['inc-a', 'inc-b']);
  });
});
