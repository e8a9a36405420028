import { existsSync } from 'node:fs';

import { defineConfig } from '@playwright/test';

// Debian's Chromium, where it is; else what `npx playwright install chromium` fetched.
const CHROMIUM = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // One arena, and tests that kill parts of it: one after the other.
  workers: 1,
  // A test that only passes the second time is broken.
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 90_000,
  // Healing takes seconds on a machine that does nothing else, and longer on others.
  expect: { timeout: 30_000 },
  reporter: [['list']],
  use: {
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      ...(CHROMIUM ? { executablePath: CHROMIUM } : {}),
      // Chromium's own sandbox does not work as root, which is who CI is.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    },
  },
});
