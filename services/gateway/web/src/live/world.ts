/**
 * What the gateway told, put together: a snapshot, and each event applied to it. Pure; a world is never changed, but replaced.
 *
 * What nobody can vouch for is `obscured` before anybody looks at it, so that no view can show it as well.
 */
import type { About, Action, ArenaReport, Bus, Command, Fault, Incident, Node, Question, Service, Snapshot } from '../api/types';

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

/** So many incidents, faults and commands are kept, each: more than a person looks back by hand; the rest is asked for. */
export const KEPT_MAX = 300;

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
      return { ...world, incidents: put(world.incidents, event.data, (incident) => incident.opened_at) };
    case 'fault':
      return { ...world, faults: put(world.faults, event.data, (fault) => fault.at) };
    case 'command':
      return { ...world, commands: put(world.commands, event.data, (command) => command.at) };
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

/** Replaces what has the same id where it is; what is new goes where `key` puts it, the greatest first. */
function put<T extends { id: string }>(all: T[], one: T, key: (one: T) => string): T[] {
  const at = all.findIndex((other) => other.id === one.id);
  if (at >= 0) return all.with(at, one);
  const before = all.findIndex((other) => key(other) <= key(one));
  return all.toSpliced(before < 0 ? all.length : before, 0, one).slice(0, KEPT_MAX);
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
