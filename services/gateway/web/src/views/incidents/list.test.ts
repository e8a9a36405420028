import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Incident } from '../../api/types';
import { NONE } from './filters';
import { story } from './fixture';
import { IncidentList } from './list.svelte';

const record = (id: string, minute: number, state = 'RESOLVED') => ({ ...story.incident, id, state, opened_at: `2026-01-01T00:0${minute}:00.000Z` });
const told = (id: string, minute: number, state: string): Incident => {
  const { entity, symptom, severity, trace_id } = story.incident;
  const opened_at = `2026-01-01T00:0${minute}:00.000Z`;
  const open = { resolution: null, root_cause: null, ended_at: null, decision: null };
  return { ...open, id, entity, symptom, severity, trace_id, state, opened_at, first_abnormal_at: opened_at, reason: '' };
};

/** What the gateway answers, by path; and what it was asked. */
let pages: Record<string, unknown>;
let asked: string[];

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  pages = { '/api/v1/incidents?limit=50': { incidents: [record('b', 2), record('a', 1)], next: 'a' } };
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path);
    const found = pages[path];
    return found ? Response.json(found) : Response.json({ title: 'Not found', detail: `no ${path}`, status: 404, type: '#not-found' }, { status: 404 });
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const lines = (list: IncidentList): string[] => list.rows.map((row) => `${row.id} ${row.state}`);

describe('IncidentList', () => {
  it('shows a page, and the next one behind it', async () => {
    const list = new IncidentList();
    await list.show(NONE);
    expect(lines(list)).toEqual(['b RESOLVED', 'a RESOLVED']);
    pages['/api/v1/incidents?limit=50&before=a'] = { incidents: [record('0', 0)], next: null };
    await list.more();
    expect(lines(list)).toEqual(['b RESOLVED', 'a RESOLVED', '0 RESOLVED']);
    expect(list.next).toBeNull();
  });

  it('lets new ones appear and states change as they are told, and asks for the record until it has caught up', async () => {
    const list = new IncidentList();
    await list.show(NONE);
    list.hear([told('c', 3, 'RESOLVED'), told('b', 2, 'ACTING')]);
    expect(lines(list)).toEqual(['c RESOLVED', 'b ACTING', 'a RESOLVED']);
    expect(list.rows[0]?.act_ms).toBeNull();

    asked = [];
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toHaveLength(1);
    expect(lines(list)).toEqual(['c RESOLVED', 'b ACTING', 'a RESOLVED']);

    pages['/api/v1/incidents?limit=50'] = { incidents: [record('c', 3), record('b', 2, 'ACTING')], next: null };
    await vi.advanceTimersByTimeAsync(60_000);
    expect(list.rows[0]?.act_ms).toBe(100);
    expect(asked).toHaveLength(2);
  });

  it('keeps a line that does not fit any more, and takes none that never did', async () => {
    pages['/api/v1/incidents?state=open&limit=50'] = { incidents: [record('a', 1, 'ACTING')], next: null };
    const list = new IncidentList();
    await list.show({ ...NONE, state: 'open' });
    list.hear([told('a', 1, 'RESOLVED'), told('b', 2, 'CLOSED'), told('c', 3, 'OPEN')]);
    expect(lines(list)).toEqual(['c OPEN', 'a RESOLVED']);
  });

  it('has what was told while it was asking', async () => {
    const list = new IncidentList();
    const shown = list.show(NONE);
    list.hear([told('c', 3, 'OPEN')]);
    await shown;
    expect(lines(list)).toEqual(['c OPEN', 'b RESOLVED', 'a RESOLVED']);
  });

  it('leaves to the next page what belongs there', async () => {
    const list = new IncidentList();
    await list.show(NONE);
    list.hear([told('0', 0, 'OPEN')]);
    expect(lines(list)).toEqual(['b RESOLVED', 'a RESOLVED']);
  });

  it('tells what went wrong, and keeps what it has', async () => {
    const list = new IncidentList();
    await list.show(NONE);
    await list.more();
    expect(list.problem?.status).toBe(404);
    expect(list.rows).toHaveLength(2);
  });
});
