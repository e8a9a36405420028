import { expect, it } from 'vitest';
import { History, POINTS_MAX, Series } from './history';

const at = (second: number) => new Date(second * 1_000).toISOString();
const points = (series: Series | undefined) =>
  Array.from({ length: series?.length ?? 0 }, (_, index) => [series!.timeAt(index) / 1_000, series!.valueAt(index)]);

it('keeps the newest readings of a series, the oldest first', () => {
  const series = new Series();
  for (let second = 0; second < POINTS_MAX + 5; second += 1) series.push(second, second * 2);
  expect([series.length, series.timeAt(0), series.valueAt(POINTS_MAX - 1)]).toEqual([POINTS_MAX, 5, (POINTS_MAX + 4) * 2]);
});

it('drops what is not newer', () => {
  const series = new Series();
  series.push(2, 1);
  series.push(2, 9);
  series.push(1, 9);
  expect([series.length, series.valueAt(0)]).toEqual([1, 1]);
});

it('puts what was measured before in front of what came since, and leaves out what was not measured', () => {
  const history = new History();
  history.push({ at: at(10), nodes: { 'node-1': { '': { load1: 3 }, orders: { cpu_percent: 5 } } } });
  const values = [1, null, 2, 99];
  history.fill({ at: [7, 8, 9, 10].map(at), series: [{ entity: 'node-1/orders', metric: 'cpu_percent', values }], series_left_out: 0 });
  expect(points(history.get('node-1/orders', 'cpu_percent'))).toEqual([
    [7, 1],
    [9, 2],
    [10, 5],
  ]);
  expect(points(history.get('node-1', 'load1'))).toEqual([[10, 3]]);
  expect(history.get('node-1', 'cpu_percent')).toBeUndefined();
});
