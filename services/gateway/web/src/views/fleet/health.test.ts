import { describe, expect, it } from 'vitest';
import { aNode, aService, anIncident } from '../../testing';
import { health, members, summary } from './health';

const shop = (orders: Parameters<typeof aService>[1] = {}) => [
  aNode('node-1', [aService('traffic', { depends_on: ['edge'] }), aService('edge', { depends_on: ['orders'] }), aService('orders', { depends_on: ['ledger'] })]),
  aNode('node-2', [aService('orders', { depends_on: ['ledger'], ...orders }), aService('ledger')]),
];

describe('a replica', () => {
  it('that runs is sick by its probe, and by an open incident', () => {
    const service = aService('orders');
    expect(health('node-1/orders', service, [])).toBe('good');
    expect(health('node-1/orders', { ...service, probe: 'FAILING' }, [])).toBe('bad');
    expect(health('node-1/orders', service, [anIncident('a', '', 'ESCALATED')])).toBe('bad');
    expect(health('node-1/orders', service, [anIncident('a', '', 'RESOLVED')])).toBe('good');
  });

  it('that nobody hears is unknown, and a standby that waits is at rest', () => {
    expect(health('n/s', aService('s', { state: 'NO_DATA' }), [])).toBe('unknown');
    expect(health('n/s', aService('s', { state: 'STOPPED', standby: true }), [])).toBe('idle');
  });
});

describe('the picture', () => {
  it('has callers left of whom they call', () => {
    const layers = Object.fromEntries(members(shop(), []).map((member) => [member.name, member.layer]));
    expect(layers).toEqual({ traffic: 0, edge: 1, orders: 2, ledger: 3 });
  });

  it('lights the sick and everybody who depends on them, not whom they call', () => {
    const all = members(shop({ state: 'EXITED' }), []);
    expect(all.filter((member) => member.sick).map((member) => member.name)).toEqual(['orders']);
    expect(all.filter((member) => member.suffers).map((member) => member.name)).toEqual(['traffic', 'edge']);
    expect(summary(all)).toBe('Not well: orders (1 of 2: node-2/orders is EXITED). Depend on it: traffic, edge.');
  });

  it('ends, also where calls go in a circle', () => {
    const circle = [aNode('n', [aService('a', { depends_on: ['b'] }), aService('b', { observed: ['a'] })])];
    expect(members(circle, []).map((member) => [member.name, member.layer])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
  });

  it('says when all is well, and when nothing is known', () => {
    expect(summary(members(shop(), []))).toBe('All services are well.');
    const dark = [aNode('n', [aService('a', { state: 'NO_DATA' })])];
    expect(summary(members(dark, []))).toBe('Nothing is known of a.');
  });
});
