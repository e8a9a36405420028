import { expect, it } from 'vitest';
import { INITIAL, SILENCE_MS, broke, heard, isSilent, retryMs } from './link';

it('is silent only once it has said nothing for as long as the contract allows', () => {
  const link = heard(1_000);
  expect(isSilent(link, 1_000 + SILENCE_MS)).toBe(false);
  expect(isSilent(link, 1_001 + SILENCE_MS)).toBe(true);
  expect(isSilent(INITIAL, 1e12)).toBe(false);
});

it('remembers when it last heard something, however often it breaks', () => {
  const link = broke(broke(heard(5)));
  expect([link.state, link.heardAt, link.failures]).toEqual(['lost', 5, 2]);
  expect(heard(9)).toEqual({ state: 'live', heardAt: 9, failures: 0 });
});

it('waits longer each time, and never too long', () => {
  let link = INITIAL;
  const waits = Array.from({ length: 6 }, () => retryMs((link = broke(link))));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});
