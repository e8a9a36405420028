/**
 * Asks for an action, and tells how it went. What is done is the gateway's and the node's word, not this page's.
 */
import { entityPath, problemOf, send } from '../api/client';
import type { Command } from '../api/types';
import { live } from '../live/live.svelte';
import type { LiveEvent } from '../live/world';
import { announcer } from './announce.svelte';
import { isCommandOver, say, tone } from './words';

/** What was asked and is not over, by the command's id. */
const asked = new Map<string, string>();

/** So many are followed: nobody clicks faster than nodes answer. */
const ASKED_MAX = 100;

/** Asks for `action` of a node or a service; true when it was taken. */
export async function ask(action: string, entity: string, params?: Record<string, string>): Promise<boolean> {
  const kind = entity.includes('/') ? 'services' : 'nodes';
  const what = `${action} ${entity}`;
  try {
    const body = params && Object.keys(params).length > 0 ? { params } : {};
    const command = await send<Command>('POST', `/${kind}/${entityPath(entity)}/actions/${action}`, body);
    if (asked.size < ASKED_MAX) asked.set(command.id, what);
    announcer.tell(`${what}: asked`, 'busy');
    // Its outcome may have been faster than the answer.
    live.world?.commands.forEach(follow);
    follow(command);
    return true;
  } catch (error) {
    refused(what, error);
    return false;
  }
}

/** Tells what did not work, in the words of who refused. */
export function refused(what: string, error: unknown): void {
  const { detail, mend } = problemOf(error);
  announcer.tell(`${what}: ${detail}${mend ? ` (${mend})` : ''}`, 'bad');
}

/** Asks for any other change; true when it was made. `what` is told with the outcome. */
export async function change(what: string, method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<boolean> {
  try {
    await send(method, path, body);
    announcer.tell(`${what}: done`);
    return true;
  } catch (error) {
    refused(what, error);
    return false;
  }
}

function follow(command: Command): void {
  const what = asked.get(command.id);
  if (what === undefined || !isCommandOver(command.state)) return;
  asked.delete(command.id);
  const why = [command.reason && say(command.reason), command.message].filter(Boolean).join(', ');
  announcer.tell(`${what}: ${say(command.state)}${why ? `: ${why}` : ''}`, tone('command', command.state) === 'good' ? 'good' : 'bad');
}

live.listen((event: LiveEvent) => {
  if (event.type === 'command') follow(event.data);
  if (event.type === 'snapshot') event.data.commands.forEach(follow);
});
