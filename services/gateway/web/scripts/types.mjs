// Writes src/api/generated.d.ts from docs/openapi.json, the copy of the contract that a test of the gateway holds.
import { mkdir, writeFile } from 'node:fs/promises';
import openapi, { astToString } from 'openapi-typescript';

const contract = new URL('../../../../docs/openapi.json', import.meta.url);
const target = new URL('../src/api/generated.d.ts', import.meta.url);

const text = astToString(await openapi(contract));
await mkdir(new URL('.', target), { recursive: true });
await writeFile(target, `// Written from docs/openapi.json by scripts/types.mjs; do not edit.\n${text}`);
