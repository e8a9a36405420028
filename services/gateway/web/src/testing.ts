/** What unit tests build their worlds of. */
import type { Incident, Node, Service, Snapshot } from './api/types';

export function aService(name: string, told: Partial<Service> = {}): Service {
  return {
    name,
    state: 'RUNNING',
    unknown_since: null,
    probe: 'PASSING',
    pid: 1,
    port: 1,
    restarts: 0,
    message: '',
    class: 'SERVICE',
    drained: false,
    throttled: null,
    standby: false,
    paused: false,
    depends_on: [],
    observed: [],
    since: '2026-01-01T00:00:00Z',
    actions: [{ action: 'stop', allowed: true, reason: null }],
    ...told,
  };
}

export function aNode(name: string, services: Service[] = []): Node {
  return { name, state: 'RUNNING', unknown_since: null, agent: true, chaos: false, quarantined: false, restart_owner: null, services, actions: [] };
}

export function anIncident(id: string, opened_at: string, state: string): Incident {
  return {
    id,
    entity: 'node-1/orders',
    symptom: 'cpu_high',
    severity: 'WARNING',
    state,
    resolution: null,
    root_cause: null,
    reason: '',
    first_abnormal_at: opened_at,
    opened_at,
    ended_at: null,
    decision: null,
    trace_id: '',
  };
}

export function aSnapshot(told: Partial<Snapshot> = {}): Snapshot {
  const at = '2026-01-01T00:00:00Z';
  return {
    epoch: 'e',
    seq: 0,
    at,
    about: { version: '0', started_at: at, viewer_url: null, read_only: false, token_required: false },
    bus: { connected: true, since: at, caught_up: true },
    status: {
      nodes: [],
      incidents_open: 0,
      faults_active: 0,
      mode: 'AUTO',
      lever: 'RELEASED',
      modes: { low: 'AUTO' },
      pauses: [],
      observer: { state: 'CLEAR', reason: '' },
      components: [],
      degraded: [],
    },
    incidents: [],
    faults: [],
    commands: [],
    questions: [],
    ...told,
  };
}
