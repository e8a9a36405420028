/** What a person fills in to make a fault, and what can be said about it before anybody is asked. Pure. */
import type { CatalogueFault, Param } from '../../api/types';

/** What a fault lives when nobody says otherwise, and between what: docs/faults.md. */
export const TTL = { default: '30s', min_ms: 1_000, max_ms: 600_000, words: '1s to 10m' };

/** The catalogue by family, in the catalogue's order. */
export function families(faults: CatalogueFault[]): [family: string, faults: CatalogueFault[]][] {
  return [...Map.groupBy(faults, (fault) => fault.family)];
}

/** How the form begins: every parameter at its default. */
export function defaults(fault: CatalogueFault): Record<string, string> {
  return Object.fromEntries(fault.params.map((param) => [param.name, param.default]));
}

/** What is sent: what differs from the default, so that the record shows what was chosen. */
export function chosen(fault: CatalogueFault, values: Record<string, string>): Record<string, string> {
  const given = fault.params.map((param) => [param.name, (values[param.name] ?? '').trim(), param.default] as const);
  return Object.fromEntries(given.filter(([, value, standard]) => value !== standard).map(([name, value]) => [name, value]));
}

/** Milliseconds of each unit of a duration. */
const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration as the command line writes it (`400ms`, `1m 30s`) in milliseconds; null when it is none. */
export function parseDuration(text: string): number | null {
  const parts = [...text.trim().matchAll(/\s*(\d+)\s*(ms|s|m|h)/gy)];
  const length = parts.reduce((sum, part) => sum + part[0].length, 0);
  if (parts.length === 0 || length !== text.trim().length) return null;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ''] ?? NaN), 0);
}

/** What is wrong with a value; null when nothing is. The injector says the same; this says it sooner. */
export function mistake(param: Param, values: Record<string, string>): string | null {
  const text = (values[param.name] ?? '').trim();
  const { holds } = param;
  const wrong = `allowed: ${param.range}`;
  if (holds.kind === 'count') {
    const number = Number(text);
    if (text === '' || !Number.isInteger(number) || number < holds.min || number > holds.max) return wrong;
  }
  if (holds.kind === 'duration' && !isWithin(text, holds.min_ms, holds.max_ms)) return wrong;
  if (holds.kind === 'text' && [...text].length > holds.max) return wrong;
  if (param.at_most && size(text) > size(values[param.at_most] ?? '')) return `at most the ${param.at_most}, ${values[param.at_most]}`;
  return null;
}

/** What is wrong with a time to live. */
export function ttlMistake(text: string): string | null {
  return isWithin(text, TTL.min_ms, TTL.max_ms) ? null : `allowed: ${TTL.words}`;
}

function isWithin(duration: string, min: number, max: number): boolean {
  const ms = parseDuration(duration);
  return ms !== null && ms >= min && ms <= max;
}

function size(text: string): number {
  return parseDuration(text) ?? Number(text);
}

/** The field that a refusal is about: `latency is 99s: allowed 1ms to 30s` is about `latency`. Null: about all of it. */
export function fieldOf(detail: string, names: string[]): string | null {
  const found = /(?:^|: )([\w-]+) is .*: allowed /.exec(detail)?.[1] ?? null;
  return found !== null && names.includes(found) ? found : null;
}
