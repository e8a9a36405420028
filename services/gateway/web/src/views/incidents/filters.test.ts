import { describe, expect, it } from 'vitest';
import { story } from './fixture';
import { fits, fromQuery, isRestricted, NONE, request } from './filters';

describe('filters', () => {
  it('come from the address, and nothing else of it does', () => {
    const filters = fromQuery(new URLSearchParams('state=open&entity=node-1&other=1'));
    expect(filters).toEqual({ ...NONE, state: 'open', entity: 'node-1' });
    expect(isRestricted(filters)).toBe(true);
    expect(isRestricted(fromQuery(new URLSearchParams('state=all')))).toBe(false);
  });

  it('are asked for as they stand, page by page', () => {
    expect(request({ ...NONE, state: 'open', entity: 'node-1/orders' }, 'inc-7')).toBe(
      '/incidents?state=open&entity=node-1%2Forders&limit=50&before=inc-7',
    );
    expect(request({ ...NONE, state: 'all' }, null)).toBe('/incidents?limit=50');
  });

  it('hold for what is told live, too', () => {
    const { incident } = story;
    const now = Date.parse(incident.opened_at) + 3_600_000;
    expect(fits(NONE, incident, now)).toBe(true);
    expect(fits({ ...NONE, state: 'open' }, incident, now)).toBe(false);
    expect(fits({ ...NONE, state: 'open' }, { ...incident, state: 'ESCALATED' }, now)).toBe(true);
    expect(fits({ ...NONE, entity: 'node-1' }, incident, now)).toBe(true);
    expect(fits({ ...NONE, entity: 'node-1/order' }, incident, now)).toBe(false);
    expect(fits({ ...NONE, since: '15m' }, incident, now)).toBe(false);
    expect(fits({ ...NONE, since: '2h' }, incident, now)).toBe(true);
    expect(fits({ ...NONE, resolution: 'MANUAL' }, incident, now)).toBe(false);
  });
});
