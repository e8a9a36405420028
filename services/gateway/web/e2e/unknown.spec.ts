/** What nobody can vouch for is never shown as well, and comes back by itself. */
import { expect, open, test } from './test';

test('a killed gateway shows as unknown, and what it shows comes back', async ({ page, arena }) => {
  await open(page, '/');
  const connection = page.getByTestId('connection');
  const thaw = arena.freeze('gateway');
  try {
    // It neither answers nor closes: only its silence tells.
    await expect(connection).not.toHaveAttribute('data-state', 'live');
    await expect(page.getByRole('alert')).toContainText(/unknown/i);
    await expect(page.getByRole('main')).not.toContainText('RUNNING');
  } finally {
    thaw();
  }
  await expect(connection).toHaveAttribute('data-state', 'live');
  arena.kill('gateway');
  await expect(connection).not.toHaveAttribute('data-state', 'live');
  await expect(connection).toHaveAttribute('data-state', 'live');
  await expect(page.getByRole('main')).toContainText('RUNNING');
});

test('a killed nats-server shows as unknown, and what it shows comes back', async ({ page, arena }) => {
  await open(page, '/');
  const connection = page.getByTestId('connection');
  const thaw = arena.freeze('nats');
  try {
    await expect(page.getByRole('alert')).toContainText(/unknown/i);
    await expect(page.getByRole('main')).not.toContainText('RUNNING');
  } finally {
    thaw();
  }
  await expect(connection).toHaveAttribute('data-state', 'live');
  arena.kill('nats');
  await expect(connection).not.toHaveAttribute('data-state', 'live');
  await expect(connection).toHaveAttribute('data-state', 'live');
  await expect(page.getByRole('main')).toContainText('RUNNING');
});

test('a node whose agent is frozen is unknown, and the others are not', async ({ page, arena }) => {
  await open(page, '/');
  const node = page.getByRole('region', { name: 'node-3' });
  const thaw = arena.freeze('node-3');
  try {
    await expect(node).toContainText(/no data|unknown/i);
    await expect(node).not.toContainText('RUNNING');
    await expect(page.getByRole('region', { name: 'node-1' })).toContainText('RUNNING');
  } finally {
    thaw();
  }
  await expect(node).toContainText('RUNNING');
});
