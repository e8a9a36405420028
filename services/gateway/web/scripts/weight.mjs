// Weighs what a page loads, as it travels (gzip), and fails when the heaviest is too heavy. Every first visit loads what index.html names;
// a view of another part (src/views.ts) loads that part, too.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** What issue 5 allows for HTML, scripts and styles together: a second on a slow line. */
const LIMIT = 100 * 1024;
/** The parts that are loaded when they are needed; what else is, is shared by them. */
const PARTS = ['charted', 'beside'];

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const index = await readFile(join(dist, 'index.html'), 'utf8');
const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile() && /\.(html|js|css|svg)$/.test(entry.name))
  .map((entry) => relative(dist, join(entry.parentPath ?? entry.path, entry.name)));

const weights = { first: 0, shared: 0, ...Object.fromEntries(PARTS.map((part) => [part, 0])) };
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
for (const file of files) {
  const weight = gzipSync(await readFile(join(dist, file))).length;
  const isFirst = file === 'index.html' || index.includes(`/${file}`);
  const part = isFirst ? 'first' : (PARTS.find((name) => file.startsWith(`assets/${name}-`)) ?? 'shared');
  weights[part] += weight;
  console.log(`${kib(weight)}  ${file}${isFirst ? '' : ', when it is needed'}`);
}
const heaviest = weights.first + weights.shared + Math.max(...PARTS.map((part) => weights[part]));
console.log(`${kib(weights.first)}  on a first visit, ${kib(heaviest).trim()} for the heaviest view, gzip; ${kib(LIMIT).trim()} are allowed`);
const missing = Object.keys(weights).filter((part) => part !== 'shared' && weights[part] === 0);
if (missing.length > 0 || heaviest > LIMIT) {
  console.error(missing.length > 0 ? `nothing was built of ${missing.join(', ')}` : 'the page is too heavy');
  process.exit(1);
}
