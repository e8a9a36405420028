import { expect, it } from 'vitest';
import { Series } from '../live/history';
import { WINDOW_MS, line, newest } from './spark';

function series(...points: [second: number, value: number][]): Series {
  const made = new Series();
  for (const [second, value] of points) made.push(second * 1_000, value);
  return made;
}

it('draws what is in the window, on a scale that noise does not fill', () => {
  const now = WINDOW_MS + 1_000;
  expect(line('error_percent', series([0, 9], [119, 0], [120, 5], [121, 5]), now)).toBe('M98.3 100.0L99.2 50.0L100.0 50.0');
});

it('breaks where nothing was measured', () => {
  expect(line('error_percent', series([100, 0], [110, 0]), 120_000).match(/M/g)).toHaveLength(2);
});

it('does not show an old reading as the last one', () => {
  expect([newest(series([100, 7]), 103_000), newest(series([100, 7]), 105_000)]).toEqual([7, null]);
  expect([line('error_percent', undefined, 0), newest(undefined, 0)]).toEqual(['', null]);
});
