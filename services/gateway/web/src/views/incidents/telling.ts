/** How an incident is told: decisions with what came of them, and reasons taken apart. Pure; nothing is said that is not in the record. */
import type { ActionRecord, DecisionRecord, IncidentRecord } from '../../api/story';
import { whole } from '../../lib/format';

/** A decision, and the action that it issued. */
export interface Chapter {
  decision: DecisionRecord;
  action: ActionRecord | null;
  /** What an earlier command is now judged to have done, with what that was: `restart node-1/orders`. */
  judged: { effect: string; what: string } | null;
}

/** The decisions in order. */
export function chapters(incident: IncidentRecord): Chapter[] {
  const byCommand = new Map(incident.actions.map((action) => [action.command_id, action]));
  return incident.decisions.map((decision) => {
    const issued = decision.decision === 'ACT' && decision.command_id ? byCommand.get(decision.command_id) : undefined;
    const { judged } = decision;
    const about = judged ? byCommand.get(judged.command_id) : undefined;
    return {
      decision,
      action: issued ?? null,
      judged: judged ? { effect: judged.effect, what: about ? `${about.action} ${about.target}` : judged.command_id } : null,
    };
  });
}

/** What a decision is about: `restart node-1/orders`; empty when it is about no step. */
export function subject(decision: DecisionRecord): string {
  const step = decision.step ?? decision.action;
  return step && decision.target ? `${step} ${decision.target}` : '';
}

/** A reason, and what it says was passed over. */
export interface Reason {
  why: string;
  passed: string[];
}

const PASSED = 'passed over: ';

/** Takes a reason apart at the words that the remediator uses (docs/remediator.md, 'Playbooks'); a text without them stays whole. */
export function reason(text: string): Reason {
  const at = text.indexOf(PASSED);
  if (at < 0) return { why: text, passed: [] };
  const why = text.slice(0, at).replace(/;\s*$/, '');
  // A comma parts two steps only behind a closed bracket: within it stands an expression.
  const passed = text.slice(at + PASSED.length).split(/(?<=\)), /);
  return { why, passed };
}

/** An effect's word in a sentence (docs/remediator.md, 'Verification and truth'). */
export function meant(effect: string): string {
  const sentences: Record<string, string> = {
    CURED: 'the symptom cleared after it and stayed so',
    USELESS: 'the symptom stayed',
    HARMFUL: 'another symptom came of it',
    UNKNOWN: 'nobody can tell',
  };
  return sentences[effect] ?? '';
}

/** Is it open? An escalated one has an end, and is open all the same: a person is needed. */
export const isOpen = (state: string): boolean => state !== 'RESOLVED' && state !== 'CLOSED';

/** What the playbooks took the cause to be, each once, in order. */
export function causes(incident: IncidentRecord): string[] {
  return [...new Set(incident.decisions.flatMap((decision) => decision.cause ?? []))];
}

/** A number as short as it is true to a thousandth. */
export const number = (value: number): string => String(Math.round(value * 1000) / 1000);

/** Time since the first abnormal sample, to the millisecond while that can be read: `1017 ms`, `12.40 s`, `3 m 5 s`. */
export function elapsed(ms: number): string {
  const sign = ms < 0 ? '−' : '+';
  const size = Math.abs(ms);
  if (size < 10_000) return `${sign}${Math.round(size)} ms`;
  if (size < 100_000) return `${sign}${(size / 1000).toFixed(2)} s`;
  return `${sign}${whole(size)}`;
}
