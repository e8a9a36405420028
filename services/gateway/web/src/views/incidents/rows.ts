/** The lines of the list, from what is asked for and what is told live. Pure: lines are replaced, never changed. */
import type { IncidentRecord } from '../../api/story';
import type { Incident } from '../../api/types';

/** What the list shows of an incident. */
export type Row = Pick<
  IncidentRecord,
  | 'id'
  | 'entity'
  | 'symptom'
  | 'severity'
  | 'state'
  | 'resolution'
  | 'root_cause'
  | 'opened_at'
  | 'ended_at'
  | 'detect_ms'
  | 'plan_ms'
  | 'act_ms'
  | 'verify_ms'
>;

/** A line for what was told live and was not asked for yet: of its times only the first is known. */
export function rowOf(incident: Incident): Row {
  const detect_ms = Date.parse(incident.opened_at) - Date.parse(incident.first_abnormal_at);
  const { id, entity, symptom, severity, state, resolution, root_cause, opened_at, ended_at } = incident;
  const told = { id, entity, symptom, severity, state, resolution, root_cause, opened_at, ended_at };
  return { ...told, detect_ms, plan_ms: null, act_ms: null, verify_ms: null };
}

/** A line with what was told live about it since; the record may be behind. */
export function updated(row: Row, incident: Incident | undefined): Row {
  if (!incident) return row;
  const { detect_ms, plan_ms, act_ms, verify_ms } = row;
  return { ...rowOf(incident), detect_ms: detect_ms ?? rowOf(incident).detect_ms, plan_ms, act_ms, verify_ms };
}

/** Newest first; those of the same moment by id, so that they never change places. */
function inOrder(one: Row, other: Row): number {
  return Date.parse(other.opened_at) - Date.parse(one.opened_at) || one.id.localeCompare(other.id);
}

/** All lines, each once; the later list has the last word. */
export function merged(rows: readonly Row[], news: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of news) byId.set(row.id, row);
  return [...byId.values()].sort(inOrder);
}
