/** What the list shows, as it stands in the page's address and as the gateway is asked. Pure. */
import type { Incident } from '../../api/types';
import { isOpen } from './telling';

export interface Filters {
  /** `open` or `all`. */
  state: string;
  entity: string;
  symptom: string;
  severity: string;
  resolution: string;
  /** A length of time, as `15m`; empty: ever since. */
  since: string;
}

export const NONE: Filters = { state: '', entity: '', symptom: '', severity: '', resolution: '', since: '' };

const NAMES = Object.keys(NONE) as (keyof Filters)[];

export const SEVERITIES = ['CRITICAL', 'ERROR', 'WARNING', 'INFO'];
export const RESOLUTIONS = ['REMEDIATED', 'SELF_RECOVERED', 'MANUAL', 'FALSE_ALARM', 'MERGED', 'EXPIRED'];
export const SINCE: readonly [value: string, title: string][] = [
  ['', 'any time'],
  ['15m', 'last 15 minutes'],
  ['1h', 'last hour'],
  ['24h', 'last 24 hours'],
  ['7d', 'last 7 days'],
];

/** The filters in an address; what is not there does not restrict. */
export function fromQuery(query: URLSearchParams): Filters {
  const filters = { ...NONE };
  for (const name of NAMES) filters[name] = query.get(name) ?? '';
  return filters;
}

/** So many a page: two screens full. */
const PAGE = 50;

/** What to ask the gateway for: `/incidents?...`. `before`: the `next` of the page before. */
export function request(filters: Filters, before: string | null): string {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filters[name] !== '' && !(name === 'state' && filters.state === 'all')) query.set(name, filters[name]);
  query.set('limit', String(PAGE));
  if (before) query.set('before', before);
  return `/incidents?${query}`;
}

/** Does anything restrict? */
export const isRestricted = (filters: Filters): boolean => NAMES.some((name) => filters[name] !== '' && filters[name] !== 'all');

/** The length of a time as the gateway reads it, `15m`, in ms; without an end where it is none. */
function length(text: string): number {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const units: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
  return number && unit ? Number(number) * (units[unit] ?? Infinity) : Infinity;
}

/** Whether an incident that was told live belongs in the list at `now` (ms since 1970). */
export function fits(filters: Filters, incident: Pick<Incident, 'state' | 'entity' | 'symptom' | 'severity' | 'resolution' | 'opened_at'>, now: number): boolean {
  if (filters.state === 'open' && !isOpen(incident.state)) return false;
  if (now - Date.parse(incident.opened_at) > length(filters.since)) return false;
  const isOf = filters.entity === '' || incident.entity === filters.entity || incident.entity.startsWith(`${filters.entity}/`);
  return (
    isOf &&
    (filters.symptom === '' || incident.symptom === filters.symptom) &&
    (filters.severity === '' || incident.severity === filters.severity) &&
    (filters.resolution === '' || incident.resolution === filters.resolution)
  );
}
