/** Who is sick, who suffers with them, and how the services stand in the picture. Pure. */
import type { Incident, Node, Service } from '../../api/types';
import { type Tone, isOver, tone } from '../../lib/words';

/** How one replica is: its process, its probe, and what the detector has against it. */
export function health(entity: string, service: Service, incidents: Incident[]): Tone {
  const process = tone('process', service.state);
  if (process !== 'good') return service.standby && process === 'idle' ? 'idle' : process;
  if (service.probe === 'FAILING') return 'bad';
  const isIll = incidents.some((incident) => !isOver(incident.state) && (incident.entity === entity || incident.root_cause === entity));
  return isIll ? 'bad' : 'good';
}

export interface Replica {
  entity: string;
  tone: Tone;
  /** Its state, and why it is not well, in words. */
  says: string;
}

/** A service by its name: all its replicas, wherever they run. */
export interface Member {
  name: string;
  replicas: Replica[];
  /** Whom it calls, declared or seen. */
  calls: string[];
  /** The worst of its replicas. */
  tone: Tone;
  /** It is sick itself, as far as anybody knows. */
  sick: boolean;
  /** It is well, and calls somebody who is sick, or who suffers so. */
  suffers: boolean;
  /** From left (whom nobody calls) to right. */
  layer: number;
  /** From top to bottom. */
  row: number;
}

/** From worst to best. */
const WORST: readonly Tone[] = ['bad', 'unknown', 'warn', 'busy', 'idle', 'good'];

/** Every service by name, placed: callers left of whom they call. */
export function members(nodes: Node[], incidents: Incident[]): Member[] {
  const all = new Map<string, Member>();
  for (const node of nodes) {
    for (const service of node.services) {
      const entity = `${node.name}/${service.name}`;
      const member = all.get(service.name) ?? empty(service.name);
      all.set(service.name, member);
      const how = health(entity, service, incidents);
      member.replicas.push({ entity, tone: how, says: says(entity, service, how) });
      member.calls = [...new Set([...member.calls, ...service.depends_on, ...service.observed])];
    }
  }
  const list = [...all.values()];
  for (const member of list) {
    // What nobody runs cannot be drawn.
    member.calls = member.calls.filter((name) => all.has(name) && name !== member.name);
    member.tone = WORST.find((one) => member.replicas.some((replica) => replica.tone === one)) ?? 'unknown';
    member.sick = member.tone === 'bad' || member.tone === 'warn';
  }
  suffer(list);
  place(list, all);
  return list;
}

function empty(name: string): Member {
  return { name, replicas: [], calls: [], tone: 'unknown', sick: false, suffers: false, layer: 0, row: 0 };
}

function says(entity: string, service: Service, how: Tone): string {
  const why = how === 'bad' && service.state === 'RUNNING' ? (service.probe === 'FAILING' ? ', its probe fails' : ', an incident is open') : '';
  return `${entity} is ${service.state}${why}`;
}

/** Whoever calls the sick suffers, and so do their callers. */
function suffer(all: Member[]): void {
  const ill = new Set(all.filter((member) => member.sick).map((member) => member.name));
  for (let more = true; more; ) {
    more = false;
    for (const member of all) {
      if (ill.has(member.name) || !member.calls.some((name) => ill.has(name))) continue;
      ill.add(member.name);
      member.suffers = true;
      more = true;
    }
  }
}

/** A layer is one more than that of the deepest caller; calls in a circle are cut where they close. */
function place(all: Member[], byName: Map<string, Member>): void {
  const onPath = new Set<string>();
  const push = (member: Member, layer: number): void => {
    if (onPath.has(member.name) || (member.layer >= layer && layer > 0)) return;
    member.layer = Math.max(member.layer, layer);
    onPath.add(member.name);
    for (const name of member.calls) {
      const called = byName.get(name);
      if (called) push(called, layer + 1);
    }
    onPath.delete(member.name);
  };
  const called = new Set(all.flatMap((member) => member.calls));
  const roots = all.filter((member) => !called.has(member.name));
  for (const member of roots.length > 0 ? roots : all.slice(0, 1)) push(member, 0);
  order(all);
}

/** So often are the rows put in order: by the mean of the neighbours' rows, which soon changes nothing any more. */
const SWEEPS = 4;

/** Fewer crossings: each member goes to the mean row of whom it calls and who calls it. */
function order(all: Member[]): void {
  const layers = new Map<number, Member[]>();
  for (const member of all) layers.set(member.layer, [...(layers.get(member.layer) ?? []), member]);
  for (const layer of layers.values()) number(layer.sort((left, right) => left.name.localeCompare(right.name)));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of layers.values()) {
      const mean = new Map(layer.map((member) => [member, meanRow(member, all)]));
      number(layer.sort((left, right) => (mean.get(left) ?? 0) - (mean.get(right) ?? 0) || left.name.localeCompare(right.name)));
    }
  }
}

function number(layer: Member[]): void {
  layer.forEach((member, row) => (member.row = row - (layer.length - 1) / 2));
}

function meanRow(member: Member, all: Member[]): number {
  const near = all.filter((other) => member.calls.includes(other.name) || other.calls.includes(member.name));
  return near.length === 0 ? member.row : near.reduce((sum, other) => sum + other.row, 0) / near.length;
}

/** The picture in a sentence or two. */
export function summary(all: Member[]): string {
  const sick = all.filter((member) => member.sick);
  const dark = all.filter((member) => member.tone === 'unknown').map((member) => member.name);
  const suffering = all.filter((member) => member.suffers).map((member) => member.name);
  const ill = sick.map((member) => {
    const worst = member.replicas.filter((replica) => replica.tone === member.tone);
    return `${member.name} (${worst.length} of ${member.replicas.length}: ${worst.map((replica) => replica.says).join(', ')})`;
  });
  const sentences = [
    ill.length > 0 && `Not well: ${ill.join('; ')}.`,
    suffering.length > 0 && `Depend on it: ${suffering.join(', ')}.`,
    dark.length > 0 && `Nothing is known of ${dark.join(', ')}.`,
  ].filter(Boolean);
  return sentences.join(' ') || 'All services are well.';
}
