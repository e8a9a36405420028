/** What each action does, in words, and which of them ask first. Pure. */

/** Those that stand beside every service; the rest is a step away. */
export const MAIN: readonly string[] = ['start', 'stop', 'kill', 'restart', 'recover'];

/** What happens, for who has to decide. An action that is not here is told by its name alone. */
const WORDS = new Map([
  ['start', 'Starts the process.'],
  ['stop', 'Ends the process in an orderly way. It stays stopped until somebody starts it.'],
  ['kill', 'Ends the process at once: what it has in its hands is lost.'],
  ['restart', 'Ends the process and starts it anew: requests fail in between.'],
  ['recover', 'Asks the running service to reset itself; its process goes on.'],
  ['drain', 'Sends it no new requests, as long as another replica can take them.'],
  ['undrain', 'Sends it requests again.'],
  ['throttle', 'Leaves it a share of one CPU only, for a time.'],
  ['unthrottle', 'Lets it have all the CPU it wants again.'],
  ['rollback', 'Goes back to the last version of its definition that was healthy.'],
  ['clean-disk', 'Deletes what arena.toml says nobody misses.'],
  ['free-port', 'Ends the foreign process that holds its port.'],
  ['quarantine', 'Drains every service of the node.'],
  ['unquarantine', 'Sends the node’s services requests again.'],
]);

export function words(action: string): string {
  return WORDS.get(action) ?? '';
}

/** What interrupts somebody, or cannot be taken back. */
const ASKS_FIRST = new Set(['stop', 'kill', 'restart', 'rollback', 'clean-disk', 'free-port', 'quarantine']);

export function asksFirst(action: string): boolean {
  return ASKS_FIRST.has(action);
}
