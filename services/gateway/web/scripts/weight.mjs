// Weighs what a first visit loads, as it travels (gzip), and fails when it is too much.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** What issue 5 allows for HTML, scripts and styles together: a second on a slow line. */
const LIMIT = 100 * 1024;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile() && /\.(html|js|css|svg)$/.test(entry.name))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
let total = 0;
for (const file of files) {
  const weight = gzipSync(await readFile(file)).length;
  total += weight;
  console.log(`${kib(weight)}  ${relative(dist, file)}`);
}
console.log(`${kib(total)}  in all, gzip; ${kib(LIMIT).trim()} are allowed`);
if (total === 0 || total > LIMIT) {
  console.error(total === 0 ? 'nothing was built' : 'the page is too heavy');
  process.exit(1);
}
