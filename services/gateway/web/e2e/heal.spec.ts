/** What the dashboard is for: hurt a service by the page, and see it heal. Then the same with the keyboard alone. */
import { type Locator, type Page } from '@playwright/test';

import { expect, open, test } from './test';

/** Says that the newest incident of an entity ended well, by the list of incidents. */
async function expectHealed(page: Page, entity: string): Promise<void> {
  const row = page.getByRole('row').filter({ hasText: entity }).first();
  await expect(row).toContainText('REMEDIATED');
}

/** Tabs until an element has the focus: what cannot be reached so is not there for who has no mouse. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press('Tab');
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`the keyboard does not reach ${wanted}`);
}

test('a fault injected by the page is detected, healed and verified before one\'s eyes', async ({ page }) => {
  await open(page, '/arena');
  const form = page.getByRole('form', { name: 'Inject a fault' });
  await form.getByLabel('Fault', { exact: true }).selectOption('hang');
  await form.getByLabel('Target').selectOption('node-1/orders');
  await form.getByRole('button', { name: 'Inject' }).click();
  await expect(page.getByRole('list', { name: 'In effect' })).toContainText('hang');

  // The list shows it by itself: nobody reloads.
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Incidents' }).click();
  await expectHealed(page, 'node-1/orders');

  await page.getByRole('row').filter({ hasText: 'node-1/orders' }).first().getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('node-1/orders');
  for (const phase of ['Detect', 'Plan', 'Act', 'Verify']) {
    await expect(page.getByRole('main')).toContainText(new RegExp(`${phase}[^]*?ms`));
  }
  await expect(page.getByRole('main')).toContainText('REMEDIATED');
});

test('the same by the keyboard alone', async ({ page }) => {
  await open(page, '/');
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Arena' }));
  await page.keyboard.press('Enter');
  const form = page.getByRole('form', { name: 'Inject a fault' });
  await tabTo(page, form.getByLabel('Fault', { exact: true }));
  await page.keyboard.type('crash');
  await tabTo(page, form.getByLabel('Target'));
  await page.keyboard.type('node-2/orders');
  await tabTo(page, form.getByRole('button', { name: 'Inject' }));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Incidents' }));
  await page.keyboard.press('Enter');
  await expectHealed(page, 'node-2/orders');
});

test('a service is restarted by a button, and the outcome is told', async ({ page, arena }) => {
  await open(page, '/');
  await page.getByRole('button', { name: 'restart node-1/payments' }).click();
  await page.getByRole('dialog').getByRole('button', { name: /restart/i }).click();
  await expect(page.getByRole('status').filter({ hasText: 'SUCCEEDED' })).toContainText('node-1/payments');
  const status = JSON.parse(await arena.must('status', '--json'));
  const node = status.nodes.find((one: { name: string }) => one.name === 'node-1');
  expect(node.services.find((one: { name: string }) => one.name === 'payments').restarts).toBeGreaterThan(0);
});

test('a button that is off says why, and the answer to asking all the same says it in the same words', async ({ page, request }) => {
  await open(page, '/');
  const button = page.getByRole('button', { name: 'start node-1/orders', exact: true });
  await expect(button).toHaveAttribute('aria-disabled', 'true');
  const why = await button.evaluate((element) => document.getElementById(element.getAttribute('aria-describedby') ?? '')?.textContent);
  const answer = await request.post('/api/v1/services/node-1/orders/actions/start');
  expect(answer.status()).toBe(409);
  expect((await answer.json()).detail).toBe(why);
});

test('what waits for a person is approved by the page', async ({ page, arena }) => {
  await arena.must('mode', 'approve');
  try {
    await arena.must('inject', 'crash', 'node-2/inventory');
    await open(page, '/incidents');
    await page.getByRole('row').filter({ hasText: 'node-2/inventory' }).first().getByRole('link').first().click();
    await page.getByRole('button', { name: 'Approve' }).click();
    await expect(page.getByRole('main')).toContainText('REMEDIATED');
  } finally {
    await arena.must('mode', 'auto');
  }
});
