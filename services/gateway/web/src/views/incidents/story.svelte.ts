/**
 * One incident's story, asked for again whenever something is told live about it, until the record has caught up with what was told.
 */
import type { Story } from '../../api/story';
import type { Command, Incident } from '../../api/types';
import { Resource } from '../../lib/resource.svelte';
import { isCommandOver } from '../../lib/words';

/** News comes in bursts (a plan, a command, its outcomes): they are one reason to ask. */
const SETTLE_MS = 250;
/** So often is a record that lags asked for, later each time: half a minute in all, which no recorder that is well needs. */
const CATCH_UP_TRIES = 7;

export class FollowedStory extends Resource<Story> {
  #path: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #told: Incident | undefined;
  #commands: readonly Command[] = [];

  constructor(id: string) {
    super();
    this.#path = `/incidents/${encodeURIComponent(id)}`;
  }

  /** Asks for it now. */
  read(): Promise<void> {
    return this.load(this.#path);
  }

  /** Something was told about it, or may have been missed. */
  hear(told: Incident | undefined, commands: readonly Command[]): void {
    this.#told = told;
    this.#commands = commands;
    this.#soon(0);
  }

  override stop(): void {
    clearTimeout(this.#timer);
    super.stop();
  }

  #soon(tries: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.read();
      if (this.data && isBehind(this.data, this.#told, this.#commands) && tries < CATCH_UP_TRIES) this.#soon(tries + 1);
    }, SETTLE_MS * 2 ** tries);
  }
}

/** Whether a record does not say yet what was told live. */
export function isBehind(story: Story, told: Incident | undefined, commands: readonly Command[]): boolean {
  const { incident } = story;
  if (told && told.state !== incident.state) return true;
  const outcomes = new Map(incident.actions.map((action) => [action.command_id, action.outcome]));
  return commands.some((command) => isCommandOver(command.state) && outcomes.get(command.id) !== command.state);
}
