/** A whole small story, for tests: found burning, refused once by a rail, restarted, healed. */
import type { Story } from '../../api/story';

const day = (seconds: string): string => `2026-01-01T00:00:${seconds}Z`;

const opened = {
  kind: 'OPENED',
  firstAbnormalAt: day('01.000'),
  signals: [
    {
      entity: 'node-1/orders',
      symptom: 'cpu_high',
      readings: [
        { at: day('01.000'), metric: 'cpu_percent', value: 95.5 },
        { at: day('02.000'), metric: 'cpu_percent', value: 97.3 },
        { at: 'no time', metric: 'cpu_percent', value: 1 },
      ],
    },
    {
      entity: 'node-1/edge',
      symptom: 'latency_high',
      inhibitedBy: 'node-1/orders',
      readings: [{ at: day('02.000'), metric: 'latency_p95_ms', value: 400 }],
    },
  ],
};

const decision = {
  ...{ rail: null, cause: null, risk: null, step: null, action: null, target: null, command_id: null, expires_at: null, judged: null },
  playbook: 'cpu_high',
  rung: 1,
  rungs: 2,
  numbers: {},
};

export const story: Story = {
  incident: {
    id: 'inc-1',
    entity: 'node-1/orders',
    symptom: 'cpu_high',
    severity: 'WARNING',
    state: 'RESOLVED',
    resolution: 'REMEDIATED',
    root_cause: 'node-1/orders',
    opened_at: day('03.000'),
    detect_ms: 2000,
    plan_ms: 1000,
    act_ms: 100,
    verify_ms: 4900,
    trace_id: 'abc',
    ended_at: day('09.000'),
    reason: 'cpu_percent = 97.3',
    candidates: ['node-1/orders', 'node-1/batch'],
    children: [],
    support: 'cpu_high cleared 1.9 s after the restart',
    evidence_count: 1,
    fingerprint: 'f',
    actions: [
      {
        action: 'restart',
        target: 'node-1/orders',
        outcome: 'SUCCEEDED',
        command_id: 'cmd-1',
        message: 'running',
        effect: 'CURED',
        issued_at: day('04.000'),
        ended_at: day('04.100'),
        risk: 'MEDIUM',
        cause: 'it burns by itself',
        step: 'restart',
        issuer: 'remediator',
        evidence: true,
      },
    ],
    decisions: [
      {
        ...decision,
        decision: 'REFUSE',
        reason: '4 commands are in flight, 4 may be; passed over: wait (dependency_hurt = false), start (attempt = 1)',
        at: day('03.010'),
        revision: 1,
        incident_state: 'PLANNING',
        rail: 'flights',
        step: 'restart',
        target: 'node-1/orders',
        cause: 'it burns by itself',
        numbers: { in_flight: 4, in_flight_max: 4 },
      },
      {
        ...decision,
        decision: 'ACT',
        reason: 'it burns by itself',
        at: day('04.000'),
        revision: 2,
        incident_state: 'ACTING',
        step: 'restart',
        action: 'restart',
        target: 'node-1/orders',
        cause: 'it burns by itself',
        command_id: 'cmd-1',
      },
      {
        ...decision,
        decision: 'RESOLVE',
        reason: 'cleared',
        at: day('09.000'),
        revision: 3,
        incident_state: 'RESOLVED',
        judged: { command_id: 'cmd-1', effect: 'CURED' },
      },
    ],
  },
  events: [
    { at: day('03.000'), kind: 'incident', event_id: 'e1', entity: 'node-1/orders', word: 'OPENED', text: '', body: opened },
    { at: day('06.000'), kind: 'incident', event_id: 'e2', entity: 'node-1/orders', word: 'CLEARED', text: '', body: 'not an object' },
  ],
  evidence: [
    {
      command_id: 'cmd-1',
      entity: 'node-1/orders',
      at: day('04.010'),
      readings: [
        { at: day('02.000'), metric: 'cpu_percent', value: 97.3 },
        { at: day('00.000'), metric: 'cpu_percent', value: 20 },
        { at: day('02.000'), metric: 'memory_bytes', value: 1e6 },
      ],
      log: ['listening'],
      processes: [],
      message: '',
    },
  ],
  left_out: 0,
  faults: [],
};
