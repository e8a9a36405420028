import { expect, it } from 'vitest';
import { Series } from '../live/history';
import { WINDOW_MS, spark } from './spark';

function series(...points: [second: number, value: number][]): Series {
  const made = new Series();
  for (const [second, value] of points) made.push(second * 1_000, value);
  return made;
}

it('draws what is in the window, on a scale that noise does not fill', () => {
  const now = WINDOW_MS + 1_000;
  expect(spark('error_percent', series([0, 9], [119, 0], [120, 5], [121, 5]), now)).toEqual({ line: 'M98.3 100.0L99.2 50.0L100.0 50.0', last: 5 });
});

it('breaks where nothing was measured', () => {
  expect(spark('error_percent', series([100, 0], [110, 0]), 120_000).line.match(/M/g)).toHaveLength(2);
});

it('does not show an old reading as the last one', () => {
  expect(spark('error_percent', series([100, 7]), 105_000).last).toBeNull();
  expect(spark('error_percent', undefined, 0)).toEqual({ line: '', last: null });
});
