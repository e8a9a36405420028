/**
 * What there is to see of an incident: the readings of its signals and of its evidence as series, and the moments to mark in them. Pure.
 *
 * Bodies of messages are whatever a sender wrote: what is not as it must be is left out, and never guessed.
 */
import { tidy, type Point } from '../../charts/series';
import type { EventRecord, IncidentRecord, Story } from '../../api/story';

/** All readings of one metric of one entity. */
export interface Track {
  entity: string;
  metric: string;
  points: Point[];
  /** It was judged: the symptom is about it. */
  judged: boolean;
}

/** What happened at a time. The kind chooses colour and shape; the text says it all. */
export type MomentKind = 'abnormal' | 'opened' | 'command' | 'outcome' | 'cleared' | 'verdict';
export interface Moment {
  /** ms since 1970. */
  at: number;
  kind: MomentKind;
  text: string;
}

type Body = Record<string, unknown>;
const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): Body[] => (Array.isArray(value) ? value.filter(isBody) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The series of a story: what was judged first, then the rest by name, those of the incident's own entity before others. */
export function tracks(story: Story): Track[] {
  const found = new Map<string, Track>();
  const add = (entity: string, metric: string, point: Point, judged: boolean): void => {
    const key = `${entity} ${metric}`;
    const track = found.get(key) ?? { entity, metric, points: [], judged: false };
    track.points.push(point);
    track.judged ||= judged;
    found.set(key, track);
  };
  for (const event of story.events) {
    for (const signal of event.kind === 'incident' && isBody(event.body) ? list(event.body['signals']) : []) {
      for (const reading of list(signal['readings'])) {
        const point = { at: Date.parse(text(reading['at'])), value: Number(reading['value'] ?? 0) };
        add(text(signal['entity']), text(reading['metric']), point, !text(signal['inhibitedBy']));
      }
    }
  }
  for (const evidence of story.evidence) {
    for (const { at, metric, value } of evidence.readings) {
      add(evidence.entity, metric, { at: Date.parse(at), value }, false);
    }
  }
  const own = story.incident.entity;
  const rank = (track: Track): number => (track.judged ? 0 : 2) + (track.entity === own ? 0 : 1);
  return [...found.values()]
    .map((track) => ({ ...track, points: tidy(track.points) }))
    .filter((track) => track.points.length > 0)
    .sort((one, other) => rank(one) - rank(other) || one.entity.localeCompare(other.entity) || one.metric.localeCompare(other.metric));
}

/** The detector's first message about it. */
function opening(events: readonly EventRecord[]): Body | null {
  const body = events.find((event) => event.kind === 'incident' && event.word === 'OPENED')?.body;
  return isBody(body) ? body : null;
}

/** When the first abnormal sample was; the opening where nobody said. In ms since 1970. */
export function firstAbnormal(story: Story): number {
  const opened = Date.parse(story.incident.opened_at);
  const said = Date.parse(text(opening(story.events)?.['firstAbnormalAt']));
  return Number.isNaN(said) ? opened - (story.incident.detect_ms ?? 0) : said;
}

/** The moments of a story, in order. */
export function moments(story: Story): Moment[] {
  const { incident } = story;
  const all: Moment[] = [
    { at: firstAbnormal(story), kind: 'abnormal', text: 'first abnormal sample' },
    { at: Date.parse(incident.opened_at), kind: 'opened', text: `${incident.symptom} opened` },
  ];
  for (const action of incident.actions) {
    const what = `${action.action} ${action.target}`;
    if (action.issued_at) all.push({ at: Date.parse(action.issued_at), kind: 'command', text: what });
    if (action.ended_at) all.push({ at: Date.parse(action.ended_at), kind: 'outcome', text: `${what}: ${action.outcome}` });
  }
  for (const event of story.events) {
    if (event.kind === 'incident' && event.word === 'CLEARED') {
      all.push({ at: Date.parse(event.at), kind: 'cleared', text: `${incident.symptom} cleared` });
    }
  }
  const end = verdict(incident);
  if (end) all.push(end);
  return all.filter((moment) => !Number.isNaN(moment.at)).sort((one, other) => one.at - other.at);
}

function verdict(incident: IncidentRecord): Moment | null {
  if (!incident.ended_at) return null;
  const how = incident.resolution ? `${incident.state}, ${incident.resolution}` : incident.state;
  return { at: Date.parse(incident.ended_at), kind: 'verdict', text: how };
}
