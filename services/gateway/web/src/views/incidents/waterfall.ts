/**
 * The geometry of Detect → Plan → Act → Verify: times in, fractions of the width out. Pure; nothing of the page or of a clock.
 *
 * Bars have their true place and length. A bar that would be too thin to see is drawn as thick as the eye needs, and no text depends on its
 * width: every phase has a row and a label of its own, so 1 ms next to 5 s can be read, and nothing is out of proportion.
 */

export const PHASES = ['detect', 'plan', 'act', 'verify'] as const;
export type Phase = (typeof PHASES)[number];

/** What a phase is, for a legend. */
export const MEANING: Record<Phase, string> = {
  detect: 'first abnormal sample to open',
  plan: 'open to the first command',
  act: 'first command to the last outcome',
  verify: 'last outcome to the verdict',
};

/** The parts of an incident that the geometry rests on. Durations in ms, null until known. */
export interface Timed {
  opened_at: string;
  ended_at: string | null;
  detect_ms: number | null;
  plan_ms: number | null;
  act_ms: number | null;
  verify_ms: number | null;
}

/** One phase: `done` has its length, `running` lasts until now, `none` never came to be. */
export interface Bar {
  phase: Phase;
  state: 'done' | 'running' | 'none';
  /** ms since the first abnormal sample. */
  from: number;
  /** ms; of a running phase so far. */
  length: number;
}

/** The bars, and from when to when they reach. */
export interface Waterfall {
  /** ms since 1970 of the first abnormal sample (of the opening, where that is not known). */
  origin: number;
  /** ms from the origin to the end of the last bar, at least 1. */
  span: number;
  bars: Bar[];
}

/** The phases of an incident at `now` (ms since 1970). */
export function waterfall(incident: Timed, now: number): Waterfall {
  const opened = Date.parse(incident.opened_at);
  const ended = incident.ended_at === null ? null : Date.parse(incident.ended_at);
  const origin = opened - (incident.detect_ms ?? 0);
  const bars: Bar[] = [];
  let at = 0;
  let running = ended === null;
  for (const phase of PHASES) {
    const length = incident[`${phase}_ms`];
    if (length !== null) {
      bars.push({ phase, state: 'done', from: at, length });
      at += length;
    } else if (running && phase !== 'detect') {
      bars.push({ phase, state: 'running', from: at, length: Math.max(0, now - origin - at) });
      running = false;
    } else {
      bars.push({ phase, state: 'none', from: at, length: 0 });
    }
  }
  const reach = bars.map((bar) => bar.from + bar.length);
  const end = ended === null ? 0 : ended - origin;
  return { origin, span: Math.max(1, end, ...reach), bars };
}

/** From the first abnormal sample to the end, in ms; null while it is not over. */
export function total(incident: Timed): number | null {
  if (incident.ended_at === null) return null;
  return Date.parse(incident.ended_at) - Date.parse(incident.opened_at) + (incident.detect_ms ?? 0);
}

/** A place in a drawing, in its own units. */
export interface Place {
  x: number;
  width: number;
}

/** Where a stretch is drawn in a width: in true proportion, and at least `least` wide without leaving the drawing. */
export function place(from: number, length: number, span: number, width: number, least: number): Place {
  const drawn = Math.min(width, Math.max(least, (length / span) * width));
  return { x: Math.max(0, Math.min((from / span) * width, width - drawn)), width: drawn };
}

/** Steps that people count in: 1, 2 and 5 of each power of ten, and what clocks make of them. In ms. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 108e5, 216e5, 864e5];

/** The marks of an axis: even steps from 0, at most `most` of them beyond it. */
export function ticks(span: number, most: number): number[] {
  const wanted = span / Math.max(1, most);
  const days = 864e5;
  const step = STEPS.find((step) => step >= wanted) ?? Math.ceil(wanted / days) * days;
  const all: number[] = [];
  for (let at = 0; at <= span; at += step) all.push(at);
  return all;
}
