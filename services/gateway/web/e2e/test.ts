/** The tests' own `test`: one arena for all of a worker, and pages that open on it. */
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';

import { Arena } from './arena';

export const test = base.extend<object, { arena: Arena }>({
  arena: [
    async ({}, use) => {
      const arena = await Arena.start();
      await use(arena);
      await arena.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ arena }, use) => use(arena.url),
});

export { expect };

/** Where each view is; a run's own page is reached from the list. */
export const VIEWS = {
  fleet: '/',
  incidents: '/incidents',
  charts: '/charts',
  arena: '/arena',
  runs: '/runs',
  alerts: '/alerts',
} as const;

/** Opens a view and waits until it shows what is. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'live');
}

/** Fails on what axe calls serious or critical. */
export async function expectAccessible(page: Page): Promise<void> {
  const found = await new AxeBuilder({ page }).analyze();
  const grave = found.violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
  expect(grave.map((one) => `${one.id}: ${one.help} (${one.nodes.map((node) => node.target).join('; ')})`)).toEqual([]);
}

/** Fails when the page can be pushed sideways. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(excess).toBeLessThanOrEqual(0);
}
