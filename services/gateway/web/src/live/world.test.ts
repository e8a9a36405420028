import { describe, expect, it } from 'vitest';
import type { Incident, Node, Snapshot } from '../api/types';
import { aService, anIncident, aNode, aSnapshot } from '../testing';
import { KEPT, type World, apply, obscured } from './world';

const world = (snapshot: Partial<Snapshot> = {}): World => {
  const made = apply(null, { type: 'snapshot', data: aSnapshot(snapshot) });
  if (!made) throw new Error('a snapshot makes a world');
  return made;
};

describe('a world', () => {
  it('is nothing before its first snapshot', () => {
    expect(apply(null, { type: 'node_gone', data: { name: 'node-1' } })).toBeNull();
  });

  it('replaces a node where it is, and sorts names as people count', () => {
    const nodes = ['node-10', 'node-2'].map((name) => aNode(name));
    const after = apply(world({ status: { ...aSnapshot().status, nodes } }), { type: 'node', data: { ...aNode('node-2'), chaos: true } });
    expect(after?.nodes.map((node) => [node.name, node.chaos])).toEqual([
      ['node-2', true],
      ['node-10', false],
    ]);
    expect(apply(after ?? null, { type: 'node_gone', data: { name: 'node-2' } })?.nodes).toHaveLength(1);
  });

  it('is what a later snapshot says: the newest first, one line an id', () => {
    const told: Incident[] = [
      anIncident('a', '2026-01-01T00:00:01Z', 'OPEN'),
      anIncident('b', '2026-01-01T00:00:02Z', 'OPEN'),
      anIncident('a', '2026-01-01T00:00:01Z', 'RESOLVED'),
    ];
    const after = told.reduce<World | null>((before, data) => apply(before, { type: 'incident', data }), world());
    expect(after?.incidents.map((incident) => [incident.id, incident.state])).toEqual([
      ['b', 'OPEN'],
      ['a', 'RESOLVED'],
    ]);
  });

  it('keeps as many lines as the gateway does, of those that are over and of those that are not', () => {
    let after: World | null = world();
    for (let number = 0; number < 700; number += 1) {
      const at = new Date(number * 1_000).toISOString();
      after = apply(after, { type: 'incident', data: anIncident(`${number}`, at, number % 2 ? 'OPEN' : 'CLOSED') });
    }
    const over = after?.incidents.filter((incident) => incident.state === 'CLOSED') ?? [];
    expect(over).toHaveLength(KEPT.incidents.over);
    expect(over[0]?.id).toBe('698');
    expect(after?.incidents.filter((incident) => incident.state === 'OPEN')).toHaveLength(350);
  });
});

describe('what nobody can vouch for', () => {
  const node: Node = { ...aNode('node-1'), services: [aService('orders')] };
  const dark = obscured(world({ status: { ...aSnapshot().status, nodes: [node] } }), '2026-01-01T00:00:00Z', 'nothing is heard');

  it('has no state, since when, and why', () => {
    const service = dark.nodes[0]?.services[0];
    expect([dark.nodes[0]?.state, service?.state, service?.probe]).toEqual(['NO_DATA', 'NO_DATA', 'UNKNOWN']);
    expect(service?.unknown_since).toBe('2026-01-01T00:00:00Z');
    expect(dark.arena.degraded).toEqual(['nothing is heard']);
  });

  it('can be asked for nothing', () => {
    expect(dark.nodes[0]?.services[0]?.actions).toEqual([{ action: 'stop', allowed: false, reason: 'nothing is heard' }]);
  });

  it('is not told as zero or as a position', () => {
    expect([dark.arena.incidents_open, dark.arena.lever, dark.arena.mode, dark.arena.modes]).toEqual([null, null, null, {}]);
  });
});
