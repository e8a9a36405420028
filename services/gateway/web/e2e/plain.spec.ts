/** The plain page, which needs no build: it acts, says why not, and shows nothing as well that nobody can vouch for. */
import type { Page } from '@playwright/test';

import type { Arena } from './arena';
import { expect, expectAccessible, test } from './test';

/** Shows the page once it is live. */
async function openPlain(page: Page): Promise<void> {
  await page.goto('/plain');
  await expectLive(page);
}

async function expectLive(page: Page): Promise<void> {
  await expect(page.getByText('Live.', { exact: true })).toBeVisible();
  await expect(rowOf(page, 'node-1/orders')).toContainText('RUNNING');
}

const rowOf = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });

/** Nothing is known: no state, no list and no button says otherwise. */
async function expectUnknown(page: Page, why: RegExp): Promise<void> {
  await expect(page.locator('#bus')).toContainText(why);
  await expect(page.locator('#nodes')).not.toContainText('RUNNING');
  await expect(page.locator('#nodes .good')).toHaveCount(0);
  await expect(page.getByText('All is well.')).toHaveCount(0);
  await expect(page.getByText('No incident.')).toHaveCount(0);
  await expect(page.getByText('No fault.')).toHaveCount(0);
  await expect(page.locator('button:not([aria-disabled])')).toHaveCount(0);
  // One that is off is still reached, and says why.
  await page.getByRole('button', { name: 'stop node-1/orders', exact: true }).click({ force: true });
  await expect(page.locator('#said')).toContainText(why);
}

/** Holds a part of the arena still until the page has noticed; then the page is to come back by itself. */
async function expectNoticed(page: Page, arena: Arena, part: string, why: RegExp): Promise<void> {
  const thaw = arena.freeze(part);
  try {
    await expectUnknown(page, why);
  } finally {
    thaw();
  }
  await expectLive(page);
}

test('the plain page shows services, and says why an action is refused', async ({ page }) => {
  await openPlain(page);
  const refused = rowOf(page, 'node-1/orders').getByRole('button', { name: 'start node-1/orders', exact: true });
  await expect(refused).toHaveAttribute('aria-disabled', 'true');
  await refused.click({ force: true });
  await expect(page.locator('#said')).toContainText((await refused.getAttribute('title')) ?? 'a reason');
  await expect(page.locator('#said')).toContainText(/\w+ \w+/);
});

test('a gateway that is frozen or killed leaves nothing well on the plain page', async ({ page, arena }) => {
  await openPlain(page);
  await expectNoticed(page, arena, 'gateway', /nothing is heard from the gateway/);
  arena.kill('gateway');
  await expect(page.locator('#bus')).toContainText(/nothing is heard from the gateway/);
  await expectLive(page);
});

test('a nats-server that is frozen or killed leaves nothing well on the plain page', async ({ page, arena }) => {
  await openPlain(page);
  await expectNoticed(page, arena, 'nats', /does not hear the bus/);
  arena.kill('nats');
  await expect(page.locator('#bus')).toContainText(/does not hear the bus/);
  await expectLive(page);
});

test('the plain page opens its stream again after it was refused', async ({ page }) => {
  let refused = 0;
  await page.route('**/api/v1/events*', (route) => (refused++ === 0 ? route.fulfill({ status: 429, body: '' }) : route.continue()));
  await page.goto('/plain');
  await expect(page.getByText('The gateway does not answer.')).toBeVisible();
  await expectLive(page);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the plain page is accessible in ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await openPlain(page);
    await expectAccessible(page);
  });
}
