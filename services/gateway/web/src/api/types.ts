/**
 * The shapes that the gateway sends: docs/gateway.md. Fields are added, never renamed.
 */

/** Whether something may be asked for, and why not. */
export interface Action {
  action: string;
  allowed: boolean;
  reason: string | null;
}

export interface Service {
  name: string;
  state: string;
  unknown_since: string | null;
  probe: string;
  pid: number | null;
  port: number | null;
  restarts: number;
  message: string;
  class: string | null;
  drained: boolean;
  throttled: { percent: number; until: string } | null;
  standby: boolean;
  paused: boolean;
  depends_on: string[];
  /** Those that it was seen to call without declaring it. */
  observed: string[];
  since: string;
  actions: Action[];
}

export interface Node {
  name: string;
  state: string;
  unknown_since: string | null;
  /** False: it is known by alerts and by what was sent over HTTP, and nothing can be done to it. */
  agent: boolean;
  chaos: boolean;
  quarantined: boolean;
  restart_owner: string | null;
  services: Service[];
  actions: Action[];
}

export interface Pause {
  entity: string;
  by: string;
  reason: string;
  at: string;
  until: string | null;
}

export interface Component {
  name: string;
  state: string;
  unknown_since: string | null;
}

/** What the status has beside its nodes. */
export interface ArenaReport {
  incidents_open: number | null;
  faults_active: number | null;
  mode: string | null;
  lever: string | null;
  /** The mode of each risk class: `low`, `medium`, `high`. */
  modes: Record<string, string>;
  pauses: Pause[];
  observer: { state: string | null; reason: string };
  components: Component[];
  degraded: string[];
}

export interface Status extends ArenaReport {
  nodes: Node[];
}

export interface Bus {
  connected: boolean;
  since: string;
  /** What the streams keep has been read; until then incidents, faults, commands and questions are unknown. */
  caught_up: boolean;
}

export interface About {
  version: string;
  started_at: string;
  viewer_url: string | null;
  read_only: boolean;
  token_required: boolean;
}

export interface Incident {
  id: string;
  entity: string;
  symptom: string;
  severity: string;
  state: string;
  resolution: string | null;
  root_cause: string | null;
  reason: string;
  first_abnormal_at: string;
  opened_at: string;
  ended_at: string | null;
  decision: string | null;
  trace_id: string;
}

export interface Fault {
  id: string;
  fault: string;
  target: string;
  state: string;
  reason: string | null;
  message: string;
  /** When it was first heard of. */
  at: string;
  active_at: string | null;
  expires_at: string | null;
  reverted_at: string | null;
  params: Record<string, string>;
}

export interface Command {
  id: string;
  action: string;
  target: string;
  state: string;
  reason: string | null;
  message: string;
  incident_id: string | null;
  at: string;
}

export interface Question {
  incident: string;
  plan: string;
  entity: string;
  symptom: string;
  action: string;
  target: string;
  risk: string | null;
  cause: string;
  reason: string;
  expires_at: string | null;
}

/** The readings of one second: by node, by service (empty: the node itself), by metric. */
export interface Samples {
  at: string;
  nodes: Record<string, Record<string, Record<string, number>>>;
}

/** The last readings of series, side by side: a value for each of `at`, null where there was none. */
export interface SamplesReport {
  at: string[];
  series: { entity: string; metric: string; values: (number | null)[] }[];
  series_left_out: number;
}

export interface Snapshot {
  epoch: string;
  seq: number;
  at: string;
  about: About;
  bus: Bus;
  status: Status;
  incidents: Incident[];
  faults: Fault[];
  commands: Command[];
  questions: Question[];
}

/** Problem details (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  mend?: string;
  instance?: string;
}

/** What a parameter holds; ranges include both ends. */
export type Holds =
  | { kind: 'count'; min: number; max: number; unit: string }
  | { kind: 'duration'; min_ms: number; max_ms: number }
  | { kind: 'word'; words: string[] }
  | { kind: 'service'; nothing: string }
  | { kind: 'text'; max: number };

export interface Param {
  name: string;
  what: string;
  range: string;
  holds: Holds;
  default: string;
  /** It must not exceed this other one. */
  at_most: string | null;
}

export interface CatalogueFault {
  name: string;
  family: string;
  scope: string;
  summary: string;
  description: string;
  needs: string[];
  params: Param[];
  symptoms: string[];
  cures: string[];
  /** Why this machine does not allow it now. */
  machine: string | null;
  targets: { target: string; possible: boolean; why_not: string | null }[];
}

export interface VillainStatus {
  error: string | null;
  state: string;
  stopped_because: string | null;
  policy: string | null;
  scenario: string | null;
  seed: number | null;
  started_at: string | null;
  ends_at: string | null;
  budget: number;
  budget_left: number;
  at_once: number;
  stop_when: { user_error_percent: number | null; user_error_ms: number; escalated: boolean };
  faults: {
    id: string;
    fault: string;
    target: string;
    state: string;
    reason: string | null;
    ttl_ms: number;
    asked_at: string;
    active_at: string | null;
    over_at: string | null;
  }[];
  learnt: { fault: string; kind: string; tries: number; hurt_ms: number }[];
  refusals: string[];
}

export interface Spread {
  count: number;
  median: number | null;
  p95: number | null;
}

export interface FaultCount {
  injected: number;
  rejected: number;
  took_effect: number;
  active: number;
  seen: number;
}

export interface Score {
  since: string | null;
  until: string;
  complete: boolean;
  faults: { total: FaultCount; by_fault: Record<string, FaultCount>; by_family: Record<string, FaultCount> };
  incidents: {
    opened: number;
    open: number;
    escalated: number;
    by_resolution: Record<string, number>;
    detect_ms: Spread;
    heal_ms: Spread;
  };
  actions: { tried: number; cured: number; useless: number; harmful: number; unknown: number };
  matching: { explained: number; unclear: number; without_fault: number; without_fault_ids: string[]; missed: number; missed_ids: string[] };
}
