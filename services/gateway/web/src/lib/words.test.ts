import { expect, it } from 'vitest';
import { isOver, tone } from './words';

it('never takes a word that it does not know for good', () => {
  for (const word of [null, undefined, '', 'NO_DATA', 'SOMETHING_NEW', 'toString']) expect([word, tone('process', word)]).toEqual([word, 'unknown']);
});

it('tells the same word by what it is said of', () => {
  expect([tone('process', 'RUNNING'), tone('command', 'RUNNING'), tone('villain', 'RUNNING')]).toEqual(['good', 'busy', 'bad']);
});

it('takes an incident that calls a person for open', () => {
  expect(['OPEN', 'ESCALATED', 'RESOLVED', 'CLOSED'].map(isOver)).toEqual([false, false, true, true]);
});
