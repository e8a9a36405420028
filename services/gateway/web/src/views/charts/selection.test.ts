import { describe, expect, it } from 'vitest';
import { fromQuery, toggled, toQuery } from './selection';

const known = ['node-1', 'node-1/edge', 'node-1/orders'];
const read = (text: string) => fromQuery(new URLSearchParams(text), known);

describe('fromQuery', () => {
  it('shows services and what is usual where nobody chose', () => {
    expect(read('')).toEqual({
      entities: ['node-1/edge', 'node-1/orders'],
      metrics: ['latency_p95_ms', 'error_percent', 'cpu_percent', 'memory_bytes'],
      minutes: 5,
      view: 'charts',
      events: ['incidents', 'commands', 'faults'],
    });
  });

  it('reads back what was chosen, and nothing that is not there', () => {
    const change = { entities: ['node-1'], metrics: ['load1'], minutes: 1, view: 'table', events: ['faults'] } as const;
    const query = new URLSearchParams(toQuery({ ...change, entities: ['node-1'], metrics: ['load1'], events: ['faults'] }));
    expect(fromQuery(query, known)).toEqual(change);
    expect(read('minutes=700&view=x&events=lies').minutes).toBe(5);
    expect(read('events=lies').events).toEqual([]);
  });

  it('keeps an empty choice apart from none', () => {
    const query = new URLSearchParams(toQuery({ entities: [], events: [] }));
    expect(fromQuery(query, known).entities).toEqual([]);
    expect(fromQuery(query, known).events).toEqual([]);
  });
});

describe('toggled', () => {
  it('adds and takes away, in the order of all', () => {
    expect(toggled(['b'], 'a', ['a', 'b', 'c'])).toEqual(['a', 'b']);
    expect(toggled(['a', 'b'], 'a', ['a', 'b', 'c'])).toEqual(['b']);
  });
});
