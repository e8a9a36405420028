/** Moments in a chart: a line through it and a number above, which a list beside the chart explains. */
import type { Tone } from '../lib/words';

export interface Mark {
  /** ms since 1970. */
  at: number;
  /** As the list beside the chart counts it. */
  number: number;
  tone: Tone;
  text: string;
}

/** Marks whose numbers would cover each other, drawn as one: `2–4`. */
export interface Cluster {
  /** Where the first of them is. */
  x: number;
  label: string;
  tone: Tone;
}

/** The worst tone of several is the one that is shown. */
const RANK: readonly Tone[] = ['idle', 'unknown', 'busy', 'good', 'warn', 'bad'];

/** Puts marks together whose labels would touch; a label is centred on its first mark. `placed` in order of x; `width` of a label in the same unit. */
export function clusters(placed: readonly { x: number; mark: Mark }[], width: (label: string) => number): Cluster[] {
  const groups: { x: number; marks: Mark[] }[] = [];
  for (const { x, mark } of placed) {
    groups.push({ x, marks: [mark] });
    // A label that has grown may touch the one before, too.
    for (let [left, right] = groups.slice(-2); left && right && touch(left, right); [left, right] = groups.slice(-2)) {
      left.marks.push(...right.marks);
      groups.pop();
    }
  }
  function touch(left: (typeof groups)[number], right: (typeof groups)[number]): boolean {
    return right.x - left.x < (width(label(left.marks)) + width(label(right.marks))) / 2;
  }
  return groups.map(({ x, marks }) => ({
    x,
    label: label(marks),
    tone: marks.map((mark) => mark.tone).sort((one, other) => RANK.indexOf(other) - RANK.indexOf(one))[0] ?? 'unknown',
  }));
}

/** `3`, or `2–4`: numbers follow time, so what lies together has numbers in a row. */
function label(marks: readonly Mark[]): string {
  const numbers = marks.map((mark) => mark.number);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  return first === last ? String(first) : `${first}–${last}`;
}

/** Marks within `reach` (ms) of a time, nearest first. */
export function marksNear(marks: readonly Mark[], at: number, reach: number): Mark[] {
  const away = (mark: Mark): number => Math.abs(mark.at - at);
  return marks.filter((mark) => away(mark) <= reach).sort((one, other) => away(one) - away(other));
}
