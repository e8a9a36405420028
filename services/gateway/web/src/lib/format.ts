/** Times, durations and numbers as they are shown everywhere. Pure: `now` is an argument. */

/** `11:04:03`, in the time zone of who looks. */
export function clock(at: string | number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? '?' : time.toLocaleTimeString('en-GB');
}

/** `21 Nov 11:04:03`, without the day when it is today's. */
export function moment(at: string | number, now: number): string {
  const time = new Date(at);
  if (time.toDateString() === new Date(now).toDateString()) return clock(at);
  return `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock(at)}`;
}

/** `850 ms`, `4.2 s`, `1 m 30 s`, `2 h 5 m`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return whole(ms);
}

/** The same in whole seconds, for what counts up or down on the screen. */
export function whole(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [number, number, number];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} m`;
  if (minutes > 0) return `${minutes} m ${seconds % 60} s`;
  return `${seconds} s`;
}

/** How long ago, in whole units: `5 s ago`. */
export function ago(at: string | number, now: number): string {
  return `${whole(now - new Date(at).getTime())} ago`;
}

/** How a metric's unit is written, by how its name ends. */
const UNITS: readonly [ending: string, unit: string][] = [
  ['_percent', '%'],
  ['_bytes_hz', 'B/s'],
  ['_bytes', 'B'],
  ['_hz', '/s'],
  ['_ms', 'ms'],
];

/** The unit of a metric: empty for a plain count. */
export function unitOf(metric: string): string {
  return UNITS.find(([ending]) => metric.endsWith(ending))?.[1] ?? '';
}

/** A reading with its unit, three digits at most: `12.5 %`, `128 MiB`, `1.35 s`. */
export function reading(metric: string, value: number): string {
  const unit = unitOf(metric);
  if (!Number.isFinite(value)) return '–';
  if (unit === 'ms' && Math.abs(value) >= 1_000) return `${digits(value / 1_000)} s`;
  if (unit.startsWith('B')) return bytes(value, unit.slice(1));
  return unit === '' ? digits(value) : `${digits(value)} ${unit}`;
}

function bytes(value: number, per: string): string {
  const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let step = 0;
  let left = value;
  while (Math.abs(left) >= 1_000 && step < steps.length - 1) {
    left /= 1_024;
    step += 1;
  }
  return `${digits(left)} ${steps[step]}${per}`;
}

/** Three digits at most, and no more than one behind the point: more only flickers. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toFixed(1);
}

/** `1 incident`, `2 incidents`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** What people call a metric, where its name alone is not it. */
const NAMES = new Map([
  ['cpu_percent', 'CPU'],
  ['memory_bytes', 'memory'],
  ['memory_used_percent', 'memory'],
  ['latency_p95_ms', 'latency p95'],
  ['error_percent', 'errors'],
  ['user_latency_p95_ms', 'users’ latency p95'],
  ['user_error_percent', 'users’ errors'],
]);

/** `cpu_percent` as people say it: `CPU`; what has no word of its own without its unit and its underscores. */
export function metricName(metric: string): string {
  return NAMES.get(metric) ?? metric.replace(/_(percent|bytes|hz|ms)$/, '').replaceAll('_', ' ');
}
