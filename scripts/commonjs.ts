/**
 * Makes `dist/cjs`, what `require('albertine')` gets: for every entry a line of CommonJS that requires the ES module
 * itself (so there is one copy of everything, whoever loads it how), and the declarations a second time, because
 * TypeScript takes those beside an ES module for ES modules only.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const dist = resolve(import.meta.dirname, '../dist');
const target = join(dist, 'cjs');

interface Conditions {
  require?: { default: string };
}
const { exports } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8')) as {
  exports: Record<string, string | Conditions>;
};

rmSync(target, { recursive: true, force: true });
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  // Not the command line: nothing can import it.
  if (!name.endsWith('.d.ts') || /^(cli|cjs)\b/.test(name)) continue;
  mkdirSync(dirname(join(target, name)), { recursive: true });
  copyFileSync(join(dist, name), join(target, name));
}
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n');
for (const entry of Object.values(exports)) {
  const path = typeof entry === 'string' ? undefined : entry.require?.default;
  if (path === undefined) continue;
  const file = join(dist, '..', path);
  const module = join(dist, relative(target, file));
  writeFileSync(file, `'use strict';\nmodule.exports = require('${relative(dirname(file), module)}');\n`);
}
