/** The shapes of an incident's story, as `GET /incidents/{id}` tells it (docs/gateway.md). Fields are added, never renamed. */
import type { Fault } from './types';

/** What it did to its incident is null until it was judged. */
export interface ActionRecord {
  action: string;
  target: string;
  outcome: string;
  command_id: string;
  message: string;
  effect: string | null;
  issued_at: string | null;
  ended_at: string | null;
  risk: string | null;
  cause: string | null;
  step: string | null;
  issuer: string | null;
  evidence: boolean;
}

export interface DecisionRecord {
  decision: string;
  reason: string;
  at: string;
  revision: number;
  incident_state: string;
  rail: string | null;
  cause: string | null;
  risk: string | null;
  step: string | null;
  action: string | null;
  target: string | null;
  playbook: string | null;
  rung: number;
  rungs: number;
  command_id: string | null;
  expires_at: string | null;
  numbers: Record<string, number>;
  judged: { command_id: string; effect: string } | null;
}

export interface IncidentRecord {
  id: string;
  entity: string;
  symptom: string;
  severity: string;
  state: string;
  resolution: string | null;
  root_cause: string | null;
  opened_at: string;
  detect_ms: number | null;
  plan_ms: number | null;
  act_ms: number | null;
  verify_ms: number | null;
  actions: ActionRecord[];
  trace_id: string;
  ended_at: string | null;
  reason: string;
  decisions: DecisionRecord[];
  candidates: string[];
  children: { entity: string; symptom: string; inhibited_by: string; evidence: string }[];
  support: string | null;
  evidence_count: number;
  fingerprint: string;
}

export interface EventRecord {
  at: string;
  kind: string;
  event_id: string;
  entity: string;
  word: string;
  text: string;
  body: unknown;
}

export interface ProcessRecord {
  pid: number;
  parent: number;
  state: string;
  cpu_percent: number;
  memory_bytes: number;
  threads: number;
  command: string;
}

export interface EvidenceRecord {
  command_id: string;
  entity: string;
  at: string;
  readings: { at: string; metric: string; value: number }[];
  log: string[];
  processes: ProcessRecord[];
  message: string;
}

/** One incident as a whole; its faults are null until it is over. */
export interface Story {
  incident: IncidentRecord;
  events: EventRecord[];
  evidence: EvidenceRecord[];
  left_out: number;
  faults: Fault[] | null;
}
