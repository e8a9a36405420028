/**
 * Asks the gateway. Whatever goes wrong becomes a `ProblemError` whose words a person can read; nothing here retries.
 *
 * The token, where one is wanted, lives in `session` and leaves the page in the `Authorization` header alone.
 */
import { session } from './session.svelte';
import type { Problem } from './types';

/** Longer than the gateway itself waits for anybody, so that its own words arrive first. */
const TIMEOUT_MS = 30_000;

/** A problem that the gateway told, or that asking it met. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }

  /** The last part of its type: `refused`, `token-wanted`... */
  get kind(): string {
    return this.problem.type.split('#')[1] ?? '';
  }
}

/** The problem behind anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'about:blank', title: 'Failed', status: 0, detail };
}

/** Reads `/api/v1<path>`. */
export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>('GET', path, undefined, signal);
}

/**
 * Asks for a change at `/api/v1<path>`. Where a token is wanted, asks the person for it and tries again; a person who gives
 * none gets the gateway's refusal.
 */
export async function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  for (;;) {
    try {
      return await ask<T>(method, path, body);
    } catch (error) {
      const isLocked = error instanceof ProblemError && error.kind === 'token-wanted';
      if (!isLocked || !(await session.askForToken())) throw error;
    }
  }
}

/** An entity (`node` or `node/service`) as part of a path. */
export function entityPath(entity: string): string {
  return entity.split('/').map(encodeURIComponent).join('/');
}

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (session.token) headers['authorization'] = `Bearer ${session.token}`;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const init: RequestInit = { method, headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
  if (body !== undefined) init.body = JSON.stringify(body);
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ProblemError({
      type: 'about:blank',
      title: 'No answer',
      status: 0,
      detail: 'the gateway does not answer',
      mend: 'is the arena running? `arena status` says',
    });
  }
  const text = await answer.text();
  if (answer.ok) return (text === '' ? null : JSON.parse(text)) as T;
  throw new ProblemError(problemIn(text, answer));
}

/** What stands between the page and the gateway may answer in its place, in words of its own. */
function problemIn(text: string, answer: Response): Problem {
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.detail === 'string') return problem;
  } catch {
    // Not JSON: told below by its status.
  }
  const title = answer.statusText || 'Failed';
  return { type: 'about:blank', title, status: answer.status, detail: `the answer was ${answer.status} ${title}` };
}
