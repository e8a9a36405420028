/** What uPlot is told: axes that read like the rest of the page, lines that can be told apart, marks, a cursor. */
import uPlot from 'uplot';
import { clock, reading, unitOf } from '../lib/format';
import { clusters, type Mark } from './marks';
import { DASHES, palette } from './palette.svelte';

export interface Plot {
  element: HTMLElement;
  width: number;
  height: number;
  /** The metric of all lines: one chart has one unit. */
  metric: string;
  /** How many lines. */
  lines: number;
  /** Charts of the same key share their cursor. */
  sync: string | undefined;
  /** What is marked, as it stands when it is drawn. */
  marks: () => readonly Mark[];
  /** The cursor is at this index of the times; null: it is nowhere. */
  oncursor: (index: number | null) => void;
}

/** Room for `11:04:03`, and for the longest value, in CSS pixels. */
const TIME_SPACE = 76;
const VALUE_ROOM = 62;
const TIME_ROOM = 26;
/** Half of the last time's text. */
const RIGHT_ROOM = 28;
/** The numbers of the marks stand here, above the plot. */
const MARK_ROOM = 18;
/** Between two of them, and within each beside its text. */
const MARK_GAP = 2;
const MARK_PAD = 4;

/** The plot, empty. It has no legend of its own: that is text, beside it. */
export function draw(plot: Plot): uPlot {
  const options: uPlot.Options = {
    width: plot.width,
    height: plot.height,
    padding: [MARK_ROOM, RIGHT_ROOM, 0, 0],
    legend: { show: false },
    cursor: {
      x: true,
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
      ...(plot.sync ? { sync: { key: plot.sync, scales: ['x', null] } } : {}),
    },
    scales: { x: { time: true }, y: { range: (_, least, most) => reach(plot.metric, least, most) } },
    axes: axes(plot.metric),
    series: [{}, ...Array.from({ length: plot.lines }, (_, index) => line(index))],
    hooks: {
      setCursor: [(self) => plot.oncursor(self.cursor.idx ?? null)],
      draw: [(self) => drawMarks(self, plot.marks())],
    },
  };
  return new uPlot(options, [[], ...Array.from({ length: plot.lines }, () => [])], plot.element);
}

/** From zero, so that small changes look small; a percentage of up to 100 to 100. */
function reach(metric: string, least: number | null, most: number | null): [number, number] {
  const top = Math.max(most ?? 0, 0);
  const bottom = Math.min(least ?? 0, 0);
  if (unitOf(metric) === '%' && top > 50 && top <= 100) return [bottom, 100];
  return [bottom, top > bottom ? top + (top - bottom) * 0.08 : bottom + 1];
}

function line(index: number): uPlot.Series {
  return {
    stroke: () => palette.line(index),
    width: 1.5,
    dash: [...(DASHES[index % DASHES.length] ?? [])],
    points: { show: false },
    spanGaps: false,
  };
}

/** Steps of whole KiB, MiB...: 1, 2, 4... of each. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

function axes(metric: string): uPlot.Axis[] {
  const look = {
    stroke: () => palette.text,
    grid: { stroke: () => palette.grid, width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  const time: uPlot.Axis = { ...look, size: TIME_ROOM, space: TIME_SPACE, values: (_, splits) => splits.map((at) => clock(at * 1000)) };
  const value: uPlot.Axis = { ...look, size: VALUE_ROOM, space: 28, values: (_, splits) => splits.map((at) => reading(metric, at)) };
  if (unitOf(metric).startsWith('B')) value.incrs = BYTE_STEPS;
  return [time, value];
}

/** The lines of the marks, and their numbers above. In canvas pixels. */
function drawMarks(self: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = self;
  const ratio = uPlot.pxRatio;
  const seen = marks
    .map((mark) => ({ mark, x: self.valToPos(mark.at / 1000, 'x', true) }))
    .filter(({ x }) => x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1);
  ctx.save();
  // The last line's dashes are still set.
  ctx.setLineDash([]);
  ctx.lineWidth = ratio;
  for (const { mark, x } of seen) {
    ctx.strokeStyle = palette.tone(mark.tone);
    ctx.globalAlpha = 0.75;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
  ctx.font = `600 ${10 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  const widthOf = (label: string): number => ctx.measureText(label).width + 2 * MARK_PAD * ratio;
  for (const { x, label, tone } of clusters(seen, (label) => widthOf(label) + MARK_GAP * ratio)) {
    const width = widthOf(label);
    const left = Math.min(Math.max(0, x - width / 2), ctx.canvas.width - width);
    ctx.fillStyle = palette.tone(tone);
    ctx.beginPath();
    ctx.roundRect(left, bbox.top - 16 * ratio, width, 14 * ratio, 3 * ratio);
    ctx.fill();
    ctx.fillStyle = palette.surface;
    ctx.fillText(label, left + width / 2, bbox.top - 8.5 * ratio);
  }
  ctx.restore();
}
