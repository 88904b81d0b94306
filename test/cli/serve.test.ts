import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../training/small-run.ts';
import { TASK_FOLDERS, writeSmallFolder } from '../server/models.ts';
import { run } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const root = resolve(import.meta.dirname, '../..');
const small = writeSmallFolder(folder.path('small'), TASK_FOLDERS['classify']);

/** A real process of `albertine serve`, once it has said where it listens. */
async function serve(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve', '--port', '0', ...args], {
    ...{ cwd: root, env: { ...process.env, ...env } },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const exited = new Promise<number | null>((done) => child.on('exit', done));
  await expect.poll(() => stdout, { timeout: 30_000 }).toMatch(/http/);
  const [, names, url] = /^(.*): (http\S+)$/m.exec(stdout)!;
  return { child, exited, names, url, stderr: () => stderr };
}

const post = (url: string, path: string, body: object): Promise<Response> =>
  fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('a start that fails', () => {
  it('says why and ends with 1, also where the thread that computes has begun', async () => {
    const index = folder.path('of-another-model');
    const docs = folder.path('docs.jsonl');
    writeFileSync(docs, '{"text":"a cat"}\n');
    expect((await run(['index', 'build', docs, '--output', index, '--quiet'])).code).toBe(0);
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'serve', '--port', '0', '--model', `tiny=${small}`];
    // Several times: the end of the thread and that of the process must not race.
    for (let attempt = 0; attempt < 3; attempt++) {
      const { status, stderr } = spawnSync(process.execPath, [...args, '--index', `i=${index}`], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(stderr).toMatch(/the index i was made with .*, which is none of the models served: tiny \(model=/);
      expect(status).toBe(1);
    }
  }, 60_000);
});

describe('albertine serve', () => {
  it('answers what has begun after SIGTERM, and ends with 0; logs have no texts', async () => {
    const { child, exited, names, url, stderr } = await serve(['--model', `tiny=${small}`, '--model', small]);
    expect(names).toBe('tiny, small');
    expect((await post(url, '/embed', { model: 'small', inputs: 'a secret cat' })).status).toBe(200);
    const inputs = Array.from({ length: 3000 }, (_, i) => `${i} the cat sat on mat and the dog ran fast`);
    const begun = post(url, '/embed', { inputs });
    await new Promise((done) => setTimeout(done, 250));
    child.kill('SIGTERM');
    expect(((await (await begun).json()) as unknown[]).length).toBe(3000);
    expect(await exited).toBe(0);
    const lines = stderr()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('request');
    expect(stderr()).not.toContain('secret');
  }, 60_000);

  it('takes settings from flags, then the environment, then a file', async () => {
    const config = folder.path('serve.json');
    writeFileSync(config, JSON.stringify({ models: { mine: small }, requestTokens: 10, maxBody: 1, log: 'silent' }));
    const env = { ALBERTINE_REQUEST_TOKENS: '20', ALBERTINE_LONG_TEXT: 'error' };
    const { child, exited, names, url } = await serve(['--config', config, '--request-tokens', '40'], env);
    expect(names).toBe('mine');
    const texts = (count: number): object => ({ inputs: new Array(count).fill('a cat') });
    expect((await post(url, '/embed', texts(8))).status).toBe(200);
    expect(await (await post(url, '/embed', texts(20))).json()).toMatchObject({
      error: expect.stringContaining('may have 40 tokens'),
    });
    expect((await post(url, '/embed', { inputs: 'a cat '.repeat(16) })).status).toBe(422);
    child.kill('SIGINT');
    expect(await exited).toBe(0);
  }, 60_000);

  it('makes keys', async () => {
    const { code, stdout, stderr } = await run(['serve', '--new-key', 'alice']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ab-[\w-]{43}\n\{"name":"alice","sha256":"[0-9a-f]{64}"\}\n$/);
    expect(stderr).toContain('shown this once');
  });

  it.each([
    [['--port', '70000'], /port/],
    [['--model', `a=${small}`, `a=${small}`], /two are called a/],
    [['--model', `a=${small}x`], /small/],
    [['--device', 'tpu'], /one of cpu, webgpu/],
    [['--tls-cert', 'a.pem'], /belong together/],
    [['--long-text', 'drop'], /window, truncate, error/],
    [['--keys', 'nowhere.json'], /nowhere.json/],
  ])('refuses %j in one line', async (args, message) => {
    const { code, stdout, stderr } = await run(['serve', ...args]);
    expect([1, 2]).toContain(code);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  it('refuses files and variables that say nothing it knows', async () => {
    const config = folder.path('wrong.json');
    writeFileSync(config, JSON.stringify({ ports: 3 }));
    expect((await run(['serve', '--config', config])).stderr).toMatch(
      /there is no setting "ports". There are models, indexes, host, port/,
    );
    writeFileSync(config, JSON.stringify({ models: ['a'] }));
    expect((await run(['serve', '--config', config])).stderr).toMatch(/"models" must be folders by name/);
  });
});
