import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manualOf, type Setting } from '../../src/core/settings.ts';
import { writtenFlag } from '../../src/cli/flags/setting-flags.ts';
import { variableOf } from '../../src/cli/verbs/serve-run.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { SERVER_SETTINGS } from '../../src/server/settings.ts';

const page = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/serving.md'), 'utf8');
let server: AlbertineServer;
beforeAll(async () => void (server = await startServer({ port: 0, log: 'silent' })), 30_000);
afterAll(() => server.close());

/** A value with every number alike, and hashes too. */
const form = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value)
      ? 0.5
      : typeof value === 'string'
        ? value.replace(/=[0-9a-f]{16}/g, '=#')
        : value,
  );

const requests = [...page.matchAll(/<!-- request -->\n```sh\n(.*)\n```\n<!-- response -->\n```json\n(.*)\n```/g)].map(
  ([, request, response]) => ({ request, response }),
);

it('has requests', () => expect(requests.length).toBeGreaterThan(2));
it.each(requests)('$request', async ({ request, response }) => {
  const [, path, body] = /^curl localhost:8080(\S+) -H 'content-type: application\/json' -d '(.*)'$/.exec(request)!;
  const answered = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const text = await answered.text();
  expect(answered.status, text).toBe(200);
  expect(form(text)).toEqual(form(response));
});

it('lists every setting', () => {
  const rows = Object.entries(SERVER_SETTINGS as Record<string, Setting>).map(
    ([name, setting]) =>
      `| \`${writtenFlag(name, setting)}\` | \`${variableOf(name)}\` | ${manualOf(setting).replaceAll('|', '\\|')} | \`${name}\` |`,
  );
  const table = ['| flag | variable | what | key |', '|---|---|---|---|', ...rows].join('\n');
  const [, found] = /<!-- settings -->\n([\s\S]*?)<!-- \/settings -->/.exec(page)!;
  expect(found.trim()).toBe(table);
});
