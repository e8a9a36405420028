/** What the charts show, as it stands in the page's address. Pure. */

export interface Selection {
  /** Each is a line in every chart that it has readings for. */
  entities: string[];
  /** Each is a chart. */
  metrics: string[];
  /** How far back, at most as far as readings are kept. */
  minutes: number;
  view: 'charts' | 'table';
  /** Which events are marked. */
  events: EventKind[];
}

export const EVENT_KINDS = ['incidents', 'commands', 'faults'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** The gateway and the page keep five minutes. */
export const MINUTES = [1, 2, 5] as const;

/** What the users of a service feel, and what it takes: shown where nobody chose. */
const USUAL = ['latency_p95_ms', 'error_percent', 'cpu_percent', 'memory_bytes'];
/** So many lines are easy to follow; more can be chosen. */
const USUAL_ENTITIES = 4;

/** None chosen, in an address: an empty value would mean that nobody chose. */
const NONE = '-';

/** The selection in an address. `known`: the entities there are, for who chose none. */
export function fromQuery(query: URLSearchParams, known: readonly string[]): Selection {
  const names = (name: string): string[] => (query.get(name) ?? '').split(',').filter((one) => one !== '' && one !== NONE);
  const minutes = Number(query.get('minutes'));
  const events = query.get('events');
  const services = known.filter((entity) => entity.includes('/'));
  return {
    entities: query.has('entities') ? names('entities') : services.slice(0, USUAL_ENTITIES),
    metrics: query.has('metrics') ? names('metrics') : USUAL,
    minutes: MINUTES.find((one) => one === minutes) ?? 5,
    view: query.get('view') === 'table' ? 'table' : 'charts',
    events: EVENT_KINDS.filter((kind) => events === null || events.split(',').includes(kind)),
  };
}

/** What of it goes into the address: only what changed. */
export function toQuery(change: Partial<Selection>): Record<string, string> {
  const query: Record<string, string> = {};
  if (change.entities) query['entities'] = change.entities.join(',') || NONE;
  if (change.metrics) query['metrics'] = change.metrics.join(',') || NONE;
  if (change.minutes) query['minutes'] = change.minutes === 5 ? '' : String(change.minutes);
  if (change.view) query['view'] = change.view === 'charts' ? '' : change.view;
  if (change.events) query['events'] = change.events.length === EVENT_KINDS.length ? '' : change.events.join(',') || NONE;
  return query;
}

/** With it, or without it where it was; in the order of `all`. */
export function toggled<T extends string>(chosen: readonly T[], one: T, all: readonly T[]): T[] {
  const now = chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one];
  return now.toSorted((left, right) => all.indexOf(left) - all.indexOf(right));
}
