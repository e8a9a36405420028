/** The record of `arena run` (docs/runs.md). Times are milliseconds since `began_at`. Fields are added, never renamed. */

export interface RunHead {
  name: string;
  summary: string;
  difficulty: string;
  expect: string;
  seed: number;
}

/** One line of the list. */
export interface RunLine {
  id: string;
  ending: string;
  why: string;
  scenario: RunHead;
  attached: boolean;
  began_at: string;
  policy: string;
  heal_ms: number | null;
  detect_ms: number | null;
}

/** `GET /runs`, the newest first. */
export interface RunList {
  runs: RunLine[];
  /** Files that are no record, and why. */
  skipped: { file: string; why: string }[];
  /** Older files that were not looked into. */
  left_out: number;
}

export interface Criterion {
  name: string;
  required: boolean;
  passed: boolean;
  number: number | null;
  reason: string;
}

export interface RunSample {
  at_ms: number;
  user_error_percent: number | null;
  user_latency_p95_ms: number | null;
  user_request_rate_hz: number | null;
  services_unhealthy: number | null;
  incidents_open: number | null;
}

export interface RunFacts {
  policy: string;
  play_ms: number;
  end_ms: number;
  faults: {
    id: string;
    fault: string;
    target: string;
    part: string;
    ttl_ms: number;
    state: string;
    active_ms: number | null;
    end_ms: number | null;
    reason: string | null;
    message: string;
  }[];
  incidents: {
    id: string;
    entity: string;
    symptom: string;
    root_cause: string | null;
    opened_ms: number;
    cleared_ms: number | null;
    escalated_ms: number | null;
    resolution: string | null;
  }[];
  actions: {
    command: string;
    action: string;
    target: string;
    incident: string | null;
    risk: string | null;
    issued_ms: number;
    end_ms: number | null;
    outcome: string | null;
    message: string;
  }[];
  samples: RunSample[];
}

export interface Run {
  format: number;
  ending: string;
  why: string;
  scenario: RunHead;
  attached: boolean;
  versions: { arena: string };
  machine: { cpus: number; memory_mib: number; kernel: string; load1_before: number | null; load1_after: number | null };
  began_at: string;
  milestones: Record<string, number | null>;
  verdict: { met: boolean; heal_ms: number | null; detect_ms: number | null; criteria: Criterion[] } | null;
  clean_up: { clean: boolean; arena: string; faults: string[]; processes: string[]; files: string[]; errors: string[] };
  timeline: { at_ms: number; kind: string; entity: string; what: string }[];
  facts: RunFacts;
}
