import { expect, it } from 'vitest';
import { ENTRIES, entryOf, match } from './routes';

it('finds every entry of the navigation by its own path', () => {
  for (const { view, path } of ENTRIES) expect(match(path).view).toBe(view);
});

it('reads the id of one thing, as it was written into the path', () => {
  expect(match('/incidents/inc-4328')).toEqual({ view: 'incident', id: 'inc-4328', title: 'Incident inc-4328' });
  expect(match('/runs/a%20b').id).toBe('a b');
  expect(entryOf(match('/runs/x').view)).toBe('runs');
});

it('knows what it does not know', () => {
  for (const path of ['/nobody', '/incidents/a/b', '/runs/%E0%A4%A', '/runs//']) expect([path, match(path).view === 'run']).toEqual([path, false]);
  expect(match('/nobody').view).toBe('missing');
  expect(match('/incidents/').view).toBe('incidents');
});
