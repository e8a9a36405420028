/** Every view: in both colour schemes, on a phone's width, for who does not see, and when there is nothing or an error to show. */
import { expect, expectAccessible, expectNoSidewaysScroll, open, test, VIEWS } from './test';

const SCREENSHOTS = 'test-results/screenshots';
const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } } as const;

test.beforeAll(async ({ arena }) => {
  // Something to see: an incident that is over, and one fault that is not.
  await arena.must('inject', 'crash', 'node-1/payments');
  await arena.must('inject', 'network-delay', 'node-3/ledger', 'latency=150ms', '--for', '2m');
});

test.afterAll(async ({ arena }) => {
  await arena.must('revert', 'all');
});

for (const scheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test.describe(`${scheme}, ${size}`, () => {
      test.use({ colorScheme: scheme, viewport });

      for (const [name, path] of Object.entries(VIEWS)) {
        test(name, async ({ page }) => {
          const broken: string[] = [];
          page.on('pageerror', (error) => broken.push(error.message));
          page.on('console', (line) => void (line.type() === 'error' && broken.push(line.text())));
          await open(page, path);
          await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
          await expect(page.getByText('Loading')).toHaveCount(0);
          await page.screenshot({ path: `${SCREENSHOTS}/${name}-${scheme}-${size}.png`, fullPage: true });
          await expectAccessible(page);
          await expectNoSidewaysScroll(page);
          expect(broken).toEqual([]);
        });
      }

      test('one incident', async ({ page }) => {
        await open(page, '/incidents');
        // Whichever is over: the crash may have folded into what an earlier test left behind at the same service.
        const healed = page.getByRole('row').filter({ hasText: 'REMEDIATED' });
        await healed.first().getByRole('link').first().click();
        await expect(page.getByRole('main')).toContainText('REMEDIATED');
        await page.screenshot({ path: `${SCREENSHOTS}/incident-${scheme}-${size}.png`, fullPage: true });
        await expectAccessible(page);
        await expectNoSidewaysScroll(page);
      });
    });
  }
}

test('a view whose data cannot be had says so, and what to do', async ({ page }) => {
  const problem = { type: '/docs/problems#unknown', title: 'Unknown', status: 503, detail: 'the recorder does not answer' };
  await page.route('**/api/v1/incidents*', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
  );
  await page.goto('/incidents');
  await expect(page.getByRole('main')).toContainText('the recorder does not answer');
  await expect(page.getByRole('main').getByRole('button', { name: /again/i })).toBeVisible();
});

test('a path that is none says so', async ({ page }) => {
  await page.goto('/nothing/here');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('main').getByRole('link').first()).toBeVisible();
});
