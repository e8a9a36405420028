// How the dashboard is built: static files with hashed names that the gateway embeds, and nothing inline, because it serves them
// under the content security policy `default-src 'self'`.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` finds a gateway to ask. */
const GATEWAY = process.env['ARENA_GATEWAY_URL'] ?? 'http://127.0.0.1:4280';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // `data:` is not 'self'.
    assetsInlineLimit: 0,
    // Every browser that knows what this is built for has module preload.
    modulePreload: { polyfill: false },
  },
  server: {
    // The gateway refuses a foreign Host and Origin: the proxy asks as the gateway's own page would.
    proxy: Object.fromEntries(
      ['/api', '/docs', '/openapi.json', '/healthz'].map((path) => [
        path,
        { target: GATEWAY, changeOrigin: true, headers: { origin: GATEWAY } },
      ]),
    ),
  },
  test: { include: ['src/**/*.test.ts'] },
});
