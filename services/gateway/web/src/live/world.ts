/**
 * What the gateway told, put together: a snapshot, and each event applied to it. Pure; a world is never changed, but replaced.
 *
 * What nobody can vouch for is `obscured` before anybody looks at it, so that no view can show it as well.
 */
import type { About, Action, ArenaReport, Bus, Command, Fault, Incident, Node, Question, Service, Snapshot } from '../api/types';
import { isCommandOver, isFaultOver, isOver } from '../lib/words';

export interface World {
  epoch: string;
  about: About;
  bus: Bus;
  nodes: Node[];
  arena: ArenaReport;
  /** Newest first. */
  incidents: Incident[];
  faults: Fault[];
  commands: Command[];
  questions: Question[];
}

export type LiveEvent =
  | { type: 'snapshot'; data: Snapshot }
  | { type: 'bus'; data: Bus }
  | { type: 'node'; data: Node }
  | { type: 'node_gone'; data: { name: string } }
  | { type: 'arena'; data: ArenaReport }
  | { type: 'incident'; data: Incident }
  | { type: 'fault'; data: Fault }
  | { type: 'command'; data: Command }
  | { type: 'questions'; data: Question[] };

interface Limits {
  open: number;
  over: number;
}

/** How many of those that are not over, and of those that are, are kept: as many as the gateway keeps (docs/gateway.md, "Live events"). */
export const KEPT = {
  incidents: { open: 500, over: 100 },
  faults: { open: 200, over: 200 },
  commands: { open: 200, over: 200 },
} as const satisfies Record<string, Limits>;

/** The state of who cannot be heard. */
export const NO_DATA = 'NO_DATA';

/** The world after an event; null until there was a snapshot. */
export function apply(world: World | null, event: LiveEvent): World | null {
  if (event.type === 'snapshot') return fromSnapshot(event.data);
  if (!world) return null;
  switch (event.type) {
    case 'bus':
      return { ...world, bus: event.data };
    case 'node':
      return { ...world, nodes: byName([...world.nodes.filter((node) => node.name !== event.data.name), event.data]) };
    case 'node_gone':
      return { ...world, nodes: world.nodes.filter((node) => node.name !== event.data.name) };
    case 'arena':
      return { ...world, arena: event.data };
    case 'incident':
      return { ...world, incidents: put(world.incidents, event.data, (one) => one.opened_at, (one) => isOver(one.state), KEPT.incidents) };
    case 'fault':
      return { ...world, faults: put(world.faults, event.data, (one) => one.at, (one) => isFaultOver(one.state), KEPT.faults) };
    case 'command':
      return { ...world, commands: put(world.commands, event.data, (one) => one.at, (one) => isCommandOver(one.state), KEPT.commands) };
    case 'questions':
      return { ...world, questions: event.data };
  }
}

function fromSnapshot(snapshot: Snapshot): World {
  const { nodes, ...arena } = snapshot.status;
  const { epoch, about, bus, incidents, faults, commands, questions } = snapshot;
  return { epoch, about, bus, arena, nodes: byName(nodes), incidents, faults, commands, questions };
}

function byName(nodes: Node[]): Node[] {
  return nodes.toSorted((left, right) => left.name.localeCompare(right.name, 'en', { numeric: true }));
}

/** Puts a line in place of the one of the same id, the newest first, and cuts the oldest that are too many. */
function put<T extends { id: string }>(all: T[], one: T, at: (one: T) => string, over: (one: T) => boolean, limits: Limits): T[] {
  const others = all.filter((other) => other.id !== one.id);
  const before = others.findIndex((other) => at(other) <= at(one));
  const left = { ...limits };
  return others.toSpliced(before < 0 ? others.length : before, 0, one).filter((line) => left[over(line) ? 'over' : 'open']-- > 0);
}

/** The world as far as it is known when nothing has been heard since `since`: nothing of it is, and `why` says why not. */
export function obscured(world: World, since: string | null, why: string): World {
  const arena: ArenaReport = {
    ...world.arena,
    incidents_open: null,
    faults_active: null,
    mode: null,
    lever: null,
    modes: {},
    observer: { state: null, reason: '' },
    components: world.arena.components.map((component) => ({ ...component, state: NO_DATA, unknown_since: component.unknown_since ?? since })),
    degraded: [why],
  };
  return { ...world, arena, nodes: world.nodes.map((node) => obscuredNode(node, since, why)) };
}

function obscuredNode(node: Node, since: string | null, why: string): Node {
  return {
    ...node,
    state: NO_DATA,
    unknown_since: node.unknown_since ?? since,
    actions: off(node.actions, why),
    services: node.services.map((service): Service => ({
      ...service,
      state: NO_DATA,
      unknown_since: service.unknown_since ?? since,
      probe: 'UNKNOWN',
      message: '',
      actions: off(service.actions, why),
    })),
  };
}

function off(actions: Action[], why: string): Action[] {
  return actions.map(({ action }) => ({ action, allowed: false, reason: why }));
}
