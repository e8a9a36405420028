import { expect, it } from 'vitest';
import { aNode, aService } from '../../testing';
import { filtered } from './filter';

const nodes = [aNode('node-1', [aService('edge'), aService('orders', { state: 'EXITED' })]), aNode('node-2', [aService('edge', { probe: 'FAILING' }), aService('spare', { state: 'STOPPED', standby: true })])];
const names = (text: string, state: string) => filtered(nodes, { text, state }).flatMap((node) => node.services.map((service) => `${node.name}/${service.name}`));

it('finds by part of a name, and by state', () => {
  expect(names(' EDGE ', '')).toEqual(['node-1/edge', 'node-2/edge']);
  expect(names('node-2', '')).toEqual(['node-2/edge', 'node-2/spare']);
  expect(names('', 'EXITED')).toEqual(['node-1/orders']);
  expect(names('nobody', '')).toEqual([]);
});

it('takes a standby that waits for well', () => {
  expect(names('', 'unwell')).toEqual(['node-1/orders', 'node-2/edge']);
});
