/** What happened to whom, for marks in charts. Pure. */
import type { Mark } from '../../charts/marks';
import { say, tone } from '../../lib/words';
import type { World } from '../../live/world';
import type { EventKind } from './selection';

/** A mark with a way to more. */
export interface ChartEvent extends Mark {
  href: string | null;
}

type Happened = Omit<ChartEvent, 'number'> & { kind: EventKind; entity: string };

/** What concerns these entities, in order of time, counted from 1: also what concerns the node of a service, and the services of a node. */
export function events(world: Pick<World, 'incidents' | 'commands' | 'faults'>, entities: readonly string[], kinds: readonly EventKind[]): ChartEvent[] {
  return all(world)
    .filter((event) => kinds.includes(event.kind) && entities.some((entity) => concerns(event.entity, entity)))
    .sort((one, other) => one.at - other.at)
    .map(({ at, tone, text, href }, index) => ({ at, number: index + 1, tone, text, href }));
}

function concerns(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

function all({ incidents, commands, faults }: Pick<World, 'incidents' | 'commands' | 'faults'>): Happened[] {
  const found: (Omit<Happened, 'at'> & { at: string | null })[] = [];
  for (const { id, entity, symptom, state, resolution, opened_at, ended_at } of incidents) {
    const about = { kind: 'incidents', entity, href: `/incidents/${encodeURIComponent(id)}` } as const;
    found.push({ ...about, at: opened_at, tone: 'bad', text: `${symptom} on ${entity} opened` });
    const end = resolution ? `${say(state)}, ${say(resolution)}` : say(state);
    found.push({ ...about, at: ended_at, tone: tone('incident', state), text: `${symptom} on ${entity} ${end}` });
  }
  for (const { action, target, state, at, incident_id } of commands) {
    const href = incident_id ? `/incidents/${encodeURIComponent(incident_id)}` : null;
    const verb = action.toLowerCase().replaceAll('_', '-');
    found.push({ kind: 'commands', entity: target, href, at, tone: tone('command', state), text: `${verb} ${target} ${say(state)}` });
  }
  for (const { fault, target, active_at, reverted_at } of faults) {
    const about = { kind: 'faults', entity: target, href: '/arena' } as const;
    found.push({ ...about, at: active_at, tone: 'bad', text: `fault ${fault} on ${target} active` });
    found.push({ ...about, at: reverted_at, tone: 'idle', text: `fault ${fault} on ${target} reverted` });
  }
  return found.flatMap(({ at, ...event }) => (at ? { ...event, at: Date.parse(at) } : []));
}
