/** What a person may set of a villain, as docs/villain.md has it. Pure; the injector judges it once more. */
import { parseDuration } from './inject';

export const POLICIES: readonly [policy: string, says: string][] = [
  ['random', 'chooses by chance'],
  ['adaptive', 'prefers what hurt longest'],
  ['scripted', 'plays a curated scenario'],
];

export const FAMILIES = ['resource', 'process', 'application', 'network', 'storage', 'load', 'telemetry'];

export interface Setting {
  name: 'budget' | 'at_once' | 'every' | 'each' | 'for' | 'seed';
  label: string;
  hint: string;
  holds: 'count' | 'duration' | 'range' | 'seed';
  min: number;
  max: number;
}

/** Durations in milliseconds. */
export const SETTINGS: readonly Setting[] = [
  { name: 'budget', label: 'Budget', hint: 'faults in all, 1 to 1000', holds: 'count', min: 1, max: 1_000 },
  { name: 'at_once', label: 'At once', hint: '1 to 8', holds: 'count', min: 1, max: 8 },
  { name: 'every', label: 'Every', hint: 'mean pause, 1s to 1h', holds: 'duration', min: 1_000, max: 3_600_000 },
  { name: 'each', label: 'Each lives', hint: '1s to 10m, or a range: 10s..40s', holds: 'range', min: 1_000, max: 600_000 },
  { name: 'for', label: 'Stops after', hint: '1s to 24h', holds: 'duration', min: 1_000, max: 86_400_000 },
  { name: 'seed', label: 'Seed', hint: 'a whole number; empty: made up', holds: 'seed', min: 0, max: Number.MAX_SAFE_INTEGER },
];

export type Wanted = Record<Setting['name'], string> & { policy: string; families: string[]; scenario: string };

/** What can be set of a policy: a scenario brings its own faults, times and targets, and leaves the chance. */
export function settingsOf(policy: string): readonly Setting[] {
  return policy === 'scripted' ? SETTINGS.filter((setting) => setting.name === 'seed') : SETTINGS;
}

/** The defaults of docs/villain.md. */
export function begin(): Wanted {
  return { policy: 'random', families: [], scenario: '', budget: '20', at_once: '2', every: '20s', each: '10s..40s', for: '10m', seed: '' };
}

/** What is wrong with a setting; null when nothing is. */
export function mistakeOf(setting: Setting, text: string): string | null {
  const isFine = (value: number | null) => value !== null && value >= setting.min && value <= setting.max;
  const wrong = `allowed: ${setting.hint}`;
  if (setting.holds === 'seed' && text.trim() === '') return null;
  if (setting.holds === 'count' || setting.holds === 'seed') return /^\d+$/.test(text.trim()) && isFine(Number(text)) ? null : wrong;
  if (setting.holds === 'duration') return isFine(parseDuration(text)) ? null : wrong;
  const [least, most] = range(text);
  return isFine(least) && isFine(most) && (least ?? 0) <= (most ?? 0) ? null : wrong;
}

/** `10s..40s`, or one time for all, in milliseconds. */
function range(text: string): [number | null, number | null] {
  const parts = text.split('..');
  const most = parts.length > 2 ? null : parseDuration(parts.at(-1) ?? '');
  return [parseDuration(parts[0] ?? ''), most];
}

/** The request, of settings without a mistake. */
export function request(wanted: Wanted): Record<string, unknown> {
  const { policy, families } = wanted;
  const seed = wanted.seed.trim() === '' ? {} : { seed: Number(wanted.seed) };
  if (policy === 'scripted') return { policy, scenario: wanted.scenario.trim(), ...seed };
  const [ttl_min, ttl_max = ttl_min] = wanted.each.split('..').map((text) => text.trim());
  return {
    policy,
    budget: Number(wanted.budget),
    at_once: Number(wanted.at_once),
    every: wanted.every.trim(),
    ttl_min,
    ttl_max,
    for: wanted.for.trim(),
    ...(families.length > 0 ? { families } : {}),
    ...seed,
  };
}
