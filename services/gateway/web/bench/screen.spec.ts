/**
 * How long it takes from an event on the bus to the screen. Not a test: it asserts nothing about time.
 *
 * A person's pause carries when it was decided, before it is written to the bus. It is taken from there until the frame that shows it was
 * drawn; beside it, until its event reached the page. All clocks are this machine's one.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';

import { expect, open, test } from '../e2e/test';

const REPEATS = 40;
const TARGET = 'node-1/orders';

test('from the bus to the screen', async ({ page, arena, browser }) => {
  test.setTimeout(300_000);
  await open(page, '/arena');
  await page.evaluate(() => {
    const seen = { arrived: 0, shown: 0, reason: '' };
    Object.assign(window, { seen });
    new EventSource('/api/v1/events?samples=false').addEventListener('arena', (event) => {
      if (event.data.includes(seen.reason)) seen.arrived ||= Date.now();
    });
    new MutationObserver(() => {
      if (seen.shown || !document.body.textContent?.includes(seen.reason)) return;
      // The frame after the change is the one that has it.
      requestAnimationFrame(() => requestAnimationFrame(() => (seen.shown ||= Date.now())));
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });

  const arrived: number[] = [];
  const shown: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const reason = `look ${repeat} of the benchmark`;
    await page.evaluate((reason) => Object.assign((window as any).seen, { arrived: 0, shown: 0, reason }), reason);
    await arena.must('pause', TARGET, '--reason', reason);
    await expect.poll(() => page.evaluate(() => (window as any).seen.shown as number), { intervals: [20] }).toBeGreaterThan(0);
    const seen = await page.evaluate(() => (window as any).seen as { arrived: number; shown: number });
    const { pauses } = (await (await page.request.get('/api/v1/control')).json()) as { pauses: { at: string }[] };
    const decided = Date.parse(pauses[0]?.at ?? '');
    arrived.push(seen.arrived - decided);
    shown.push(seen.shown - decided);
    await arena.must('resume', TARGET);
  }

  console.log(`machine   ${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, Chromium ${browser.version()}`);
  console.log(`version   ${execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()}, npm run bench, ${REPEATS} pauses`);
  console.log(`the event in the page   ${told(arrived)}`);
  console.log(`on the screen           ${told(shown)}`);
});

function told(values: number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, from ${sorted[0]} to ${sorted.at(-1)} ms`;
}
