import { describe, expect, it } from 'vitest';
import type { Command, Incident } from '../../api/types';
import { story } from './fixture';
import { isBehind } from './story.svelte';

const told = { state: 'RESOLVED' } as Incident;
const command = { id: 'cmd-1', state: 'SUCCEEDED' } as Command;

describe('isBehind', () => {
  it('goes by the state and by the outcomes that were told', () => {
    expect(isBehind(story, told, [command])).toBe(false);
    expect(isBehind(story, undefined, [])).toBe(false);
    expect(isBehind(story, { ...told, state: 'ACTING' }, [])).toBe(true);
    expect(isBehind(story, told, [{ ...command, state: 'FAILED' }])).toBe(true);
    expect(isBehind(story, told, [{ ...command, id: 'cmd-2' }])).toBe(true);
  });

  it('does not wait for what is not over', () => {
    expect(isBehind(story, told, [{ ...command, id: 'cmd-2', state: 'RUNNING' }])).toBe(false);
  });
});
