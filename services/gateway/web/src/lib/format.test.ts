import { expect, it } from 'vitest';
import { ago, count, duration, reading, whole } from './format';

it('writes durations with as much as a person reads', () => {
  expect([0, 999, 1_000, 4_249, 59_400, 90_000, 7_500_000, 90_000_000].map(duration)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '4.2 s',
    '59 s',
    '1 m 30 s',
    '2 h 5 m',
    '1 d 1 h',
  ]);
  expect(duration(NaN)).toBe('?');
  expect(whole(-5)).toBe('0 s');
  expect(ago('1970-01-01T00:00:00Z', 5_000)).toBe('5 s ago');
});

it('writes readings with their unit', () => {
  expect(reading('cpu_percent', 12.345)).toBe('12.3 %');
  expect(reading('latency_p95_ms', 1_350)).toBe('1.4 s');
  expect(reading('memory_bytes', 128 * 1_024 * 1_024)).toBe('128 MiB');
  expect(reading('network_receive_bytes_hz', 2_048)).toBe('2 KiB/s');
  expect(reading('open_files', 42)).toBe('42');
  expect(reading('cpu_percent', NaN)).toBe('–');
});

it('counts in words', () => {
  expect([count(1, 'incident'), count(2, 'incident')]).toEqual(['1 incident', '2 incidents']);
});
