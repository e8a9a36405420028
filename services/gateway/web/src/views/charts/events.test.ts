import { describe, expect, it } from 'vitest';
import type { Command, Fault, Incident } from '../../api/types';
import { events } from './events';

const at = (second: number): string => new Date(second * 1000).toISOString();
const incident = { id: 'inc-1', entity: 'node-1/orders', symptom: 'cpu_high', state: 'RESOLVED', resolution: 'REMEDIATED', opened_at: at(3), ended_at: at(9) };
const command = { id: 'c', action: 'CLEAN_DISK', target: 'node-1/orders', state: 'SUCCEEDED', at: at(4), incident_id: 'inc-1' };
const fault = { id: 'f', fault: 'node-silent', target: 'node-1', active_at: at(1), reverted_at: null };
const world = { incidents: [incident as Incident], commands: [command as Command], faults: [fault as Fault] };
const every = ['incidents', 'commands', 'faults'] as const;

describe('events', () => {
  it('tells in order what happened to an entity and to its node', () => {
    expect(events(world, ['node-1/orders'], every).map(({ at, number, tone, text, href }) => [at, number, tone, text, href])).toEqual([
      [1000, 1, 'bad', 'fault node-silent on node-1 active', '/arena'],
      [3000, 2, 'bad', 'cpu_high on node-1/orders opened', '/incidents/inc-1'],
      [4000, 3, 'good', 'clean-disk node-1/orders SUCCEEDED', '/incidents/inc-1'],
      [9000, 4, 'good', 'cpu_high on node-1/orders RESOLVED, REMEDIATED', '/incidents/inc-1'],
    ]);
  });

  it('leaves out what concerns others, and what was not asked for', () => {
    expect(events(world, ['node-1/edge'], every).map((event) => event.text)).toEqual(['fault node-silent on node-1 active']);
    expect(events(world, ['node-1'], ['commands'])).toHaveLength(1);
    expect(events(world, ['node-2'], every)).toEqual([]);
  });
});
