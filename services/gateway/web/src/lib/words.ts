/**
 * How each word of the bus is shown: by its tone, which has a colour and a shape of its own, so that nothing is told by colour alone.
 *
 * A word that is not known here is `unknown`: never good.
 */

/** `busy`: something is on its way. `idle`: at rest, and meant to be. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle' | 'unknown';

/** The same word means different things of different things: a command that is RUNNING is on its way, a process is well. */
export type Kind = keyof typeof WORDS;

const WORDS = {
  process: { RUNNING: 'good', STARTING: 'busy', STOPPING: 'busy', BACKOFF: 'warn', EXITED: 'bad', FATAL: 'bad', STOPPED: 'idle' },
  probe: { PASSING: 'good', FAILING: 'bad', NONE: 'idle' },
  incident: {
    OPEN: 'bad',
    PLANNING: 'busy',
    AWAITING_APPROVAL: 'warn',
    ACTING: 'busy',
    VERIFYING: 'busy',
    RESOLVED: 'good',
    ESCALATED: 'bad',
    CLOSED: 'idle',
  },
  resolution: { REMEDIATED: 'good', SELF_RECOVERED: 'good', MANUAL: 'good', FALSE_ALARM: 'idle', MERGED: 'idle', EXPIRED: 'warn' },
  severity: { CRITICAL: 'bad', ERROR: 'bad', WARNING: 'warn', INFO: 'idle' },
  decision: { ACT: 'busy', REFUSE: 'warn', WAIT: 'idle', VERIFY: 'busy', RESOLVE: 'good', ESCALATE: 'bad' },
  command: {
    REQUESTED: 'busy',
    ACCEPTED: 'busy',
    RUNNING: 'busy',
    SUCCEEDED: 'good',
    REJECTED: 'warn',
    FAILED: 'bad',
    TIMED_OUT: 'bad',
    CANCELED: 'idle',
  },
  fault: { REQUESTED: 'busy', ARMED: 'busy', ACTIVE: 'bad', REVERTING: 'busy', REVERTED: 'idle', REJECTED: 'warn', REVERT_FAILED: 'bad' },
  lever: { RELEASED: 'good', STOPPED: 'bad' },
  mode: { AUTO: 'good', APPROVE: 'busy', OBSERVE: 'idle' },
  observer: { CLEAR: 'good', STORM: 'warn' },
  effect: { CURED: 'good', USELESS: 'idle', HARMFUL: 'bad' },
  risk: { LOW: 'idle', MEDIUM: 'warn', HIGH: 'bad' },
  villain: { RUNNING: 'bad', STOPPING: 'busy', STOPPED: 'idle' },
  run: { met: 'good', failed: 'bad', no_steady_state: 'warn', error: 'bad' },
} as const satisfies Record<string, Record<string, Tone>>;

/** The tone of a word. */
export function tone(kind: Kind, word: string | null | undefined): Tone {
  const known = WORDS[kind] as Record<string, Tone>;
  // What every object inherits is no word: a word comes from outside.
  return (word && Object.hasOwn(known, word) && known[word]) || 'unknown';
}

/** A word as it reads in a sentence: `AWAITING_APPROVAL` is `AWAITING APPROVAL`. */
export function say(word: string): string {
  return word.replaceAll('_', ' ');
}

const FINAL = new Set(['RESOLVED', 'CLOSED']);

/** Nothing more is left to do about an incident in this state. One that was escalated is open: a person is wanted. */
export function isOver(incidentState: string): boolean {
  return FINAL.has(incidentState);
}

const FAULT_OVER = new Set(['REJECTED', 'REVERTED', 'REVERT_FAILED']);

/** A fault in this state has no effect any more, or never had one. */
export function isFaultOver(faultState: string): boolean {
  return FAULT_OVER.has(faultState);
}

const COMMAND_RUNS = new Set(['REQUESTED', 'ACCEPTED', 'RUNNING']);

/** No further outcome of a command in this state follows. */
export function isCommandOver(commandState: string): boolean {
  return !COMMAND_RUNS.has(commandState);
}
