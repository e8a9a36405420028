/**
 * What is asked for once, and again when somebody says so: loading, there, or why not. What was there stays while it is asked again.
 */
import { get, problemOf } from '../api/client';
import type { Problem } from '../api/types';

export class Resource<T> {
  data = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  loading = $state(false);
  #running: AbortController | null = null;

  /** Reads `/api/v1<path>`; what was asked before is forgotten, so that a late answer never replaces a newer one. */
  async load(path: string): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      const data = await get<T>(path, running.signal);
      if (running.signal.aborted) return;
      this.data = data;
      this.problem = null;
    } catch (error) {
      if (running.signal.aborted) return;
      this.problem = problemOf(error);
    }
    this.loading = false;
  }

  /** Forgets what was asked: the view is gone. */
  stop(): void {
    this.#running?.abort();
  }
}
