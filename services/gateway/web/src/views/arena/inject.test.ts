import { describe, expect, it } from 'vitest';
import type { Holds, Param } from '../../api/types';
import { fieldOf, mistake, parseDuration, ttlMistake } from './inject';
import { SETTINGS, begin, mistakeOf, request } from './villain';

const param = (name: string, holds: Holds, at_most: string | null = null): Param => ({ name, what: '', range: 'so much', holds, default: '', at_most });

describe('a duration', () => {
  it('is read as the command line reads it', () => {
    expect(['400ms', '2s', '1m 30s', '1m30s', '1h'].map(parseDuration)).toEqual([400, 2_000, 90_000, 90_000, 3_600_000]);
  });

  it('is nothing else', () => {
    expect(['', '5', 'fast', '1s later', '-1s', '1.5s'].map(parseDuration)).toEqual([null, null, null, null, null, null]);
  });
});

describe('a parameter', () => {
  it('is held to its range before anybody is asked', () => {
    const cores = param('cores', { kind: 'count', min: 1, max: 16, unit: '' });
    expect(['1', '16', '0', '17', '1.5', ''].map((text) => mistake(cores, { cores: text }) === null)).toEqual([true, true, false, false, false, false]);
    const latency = param('latency', { kind: 'duration', min_ms: 1, max_ms: 30_000 });
    expect(mistake(latency, { latency: '99s' })).toBe('allowed: so much');
  });

  it('is held to another one', () => {
    const jitter = param('jitter', { kind: 'duration', min_ms: 0, max_ms: 10_000 }, 'latency');
    expect(mistake(jitter, { jitter: '500ms', latency: '400ms' })).toBe('at most the latency, 400ms');
    expect(mistake(jitter, { jitter: '400ms', latency: '400ms' })).toBeNull();
  });

  it('gets the refusal that is about it', () => {
    expect(fieldOf('not injected: latency is 99s: allowed 1ms to 30s', ['latency', 'for'])).toBe('latency');
    expect(fieldOf('for is 1h: allowed 1s to 10m', ['latency', 'for'])).toBe('for');
    expect(fieldOf('the lever is STOPPED', ['latency', 'for'])).toBeNull();
  });
});

it('a time to live is between a second and ten minutes', () => {
  expect(['1s', '10m', '999ms', '11m', 'long'].map((text) => ttlMistake(text) === null)).toEqual([true, true, false, false, false]);
});

describe('a villain', () => {
  it('begins with settings without a mistake', () => {
    expect(SETTINGS.filter((setting) => mistakeOf(setting, begin()[setting.name]) !== null)).toEqual([]);
  });

  it('lives between two times, or for one', () => {
    const each = SETTINGS.find((setting) => setting.name === 'each')!;
    expect(['10s..40s', '5s', '40s..10s', '10s..', '1s..2s..3s'].map((text) => mistakeOf(each, text) === null)).toEqual([true, true, false, false, false]);
    expect(request({ ...begin(), each: '5s' })).toMatchObject({ ttl_min: '5s', ttl_max: '5s' });
  });

  it('that plays a scenario brings nothing but the scenario', () => {
    expect(request({ ...begin(), policy: 'scripted', scenario: 'hang-edge', seed: '7' })).toEqual({ policy: 'scripted', scenario: 'hang-edge', seed: 7 });
  });
});
