import { describe, expect, it } from 'vitest';
import { story } from './fixture';
import { causes, chapters, reason, subject } from './telling';

describe('chapters', () => {
  it('puts what came of it to each decision', () => {
    const told = chapters(story.incident);
    expect(told.map(({ decision, action }) => [decision.decision, action?.outcome ?? null])).toEqual([
      ['REFUSE', null],
      ['ACT', 'SUCCEEDED'],
      ['RESOLVE', null],
    ]);
    expect(told[2]?.judged).toEqual({ effect: 'CURED', what: 'restart node-1/orders' });
  });

  it('names a command that it knows nothing of by its id', () => {
    expect(chapters({ ...story.incident, actions: [] })[2]?.judged?.what).toBe('cmd-1');
  });
});

describe('subject', () => {
  it('is the step and its target, and nothing without a step', () => {
    expect(story.incident.decisions.map(subject)).toEqual(['restart node-1/orders', 'restart node-1/orders', '']);
  });
});

describe('reason', () => {
  it('parts what was passed over, at no comma within brackets', () => {
    expect(reason('start failed; passed over: free-port (port_held = false), wait (unknown: a, b), rollback (x)')).toEqual({
      why: 'start failed',
      passed: ['free-port (port_held = false)', 'wait (unknown: a, b)', 'rollback (x)'],
    });
  });
  it('leaves other texts whole', () => {
    expect(reason('cleared; and well')).toEqual({ why: 'cleared; and well', passed: [] });
  });
});

describe('causes', () => {
  it('tells each once', () => {
    expect(causes(story.incident)).toEqual(['it burns by itself']);
  });
});
