import { readFileSync } from 'node:fs';

/** The package's version. */
export function packageVersion(): string {
  // Two folders up both in src/core and in dist/core, three in dist/cjs/core.
  for (const above of ['../../package.json', '../../../package.json']) {
    const { name, version } = readJson(new URL(above, import.meta.url));
    if (name === 'albertine' && version !== undefined) return version;
  }
  return 'unknown';
}

function readJson(url: URL): { name?: string; version?: string } {
  try {
    return JSON.parse(readFileSync(url, 'utf8')) as { name?: string; version?: string };
  } catch {
    return {};
  }
}
