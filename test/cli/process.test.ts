import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel, readJson, records, run, temporaryFolder } from './support.ts';

/** The real process: signals, pipes and exit codes. Its source runs through tsx. */
const folder = temporaryFolder();
let model: string;
beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

interface Running {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(...argv: string[]): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv], { stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the process', () => {
  it('says once, as a note, that it runs on WebAssembly', async () => {
    const hook =
      "export async function resolve(name, context, next) { if (name === 'onnxruntime-node') throw new Error('not installed'); return next(name, context); }";
    const url = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
    const { stderr, status } = spawnSync(
      process.execPath,
      [
        '--import',
        'tsx',
        '--import',
        url(`import { register } from 'node:module'; register(${JSON.stringify(url(hook))});`),
        MAIN,
        'embed',
        '-m',
        model,
        'a cat',
      ],
      { encoding: 'utf8' },
    );
    expect([status, stderr.match(/WebAssembly/g)]).toEqual([0, ['WebAssembly']]);
    expect(stderr).toMatch(
      /^note: onnxruntime-node cannot be loaded \(not installed\), so models run on WebAssembly.*Install it with/m,
    );
  });

  it('says in one line that there is no CUDA device, in the server too', async (context) => {
    const { code, stderr } = await start('embed', '-m', model, '--device', 'cuda', 'a cat').ended;
    if (code === 0) return context.skip('this machine has CUDA');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^albertine: no CUDA device was found\. .*\n$/)]);
    const served = await start('serve', '--model', model, '--device', 'cuda', '--port', '0').ended;
    expect([served.code, served.stderr]).toEqual([1, expect.stringMatching(/no CUDA device was found/)]);
    expect(served.stderr).not.toContain('onnxruntime_src');
  });

  it('leaves a valid file on Ctrl-C, and --resume completes it', async () => {
    const texts = Array.from({ length: 10_000 }, (_, i) => `the cat ${i} sat on the mat`);
    writeFileSync(folder.path('texts.txt'), `${texts.join('\n')}\n`);
    const output = folder.path('out.jsonl');
    const argv = [
      'embed',
      '-m',
      model,
      '--input',
      folder.path('texts.txt'),
      '-o',
      output,
      '--look-ahead',
      '16',
      '--layers',
      '0',
    ];
    const first = start(...argv);
    const partial = folder.path('out.partial.jsonl');
    await until(() => (existsSync(partial) && readFileSync(partial).length > 0) || first.child.exitCode !== null);
    first.child.kill('SIGINT');
    const { code, stderr } = await first.ended;
    expect([code, stderr]).toEqual([130, expect.stringMatching(/holds the first [\d,]+ records; --resume continues/)]);
    const done = records(readFileSync(partial, 'utf8')).length;
    expect(existsSync(output)).toBe(false);
    expect(readJson(`${partial}.meta.json`)).toMatchObject({ rows: done, complete: false });
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(texts.length);
    const second = await run([...argv.slice(0, -4), '--layers', '0', '--resume']);
    expect(second.code).toBe(0);
    const all = records(readFileSync(output, 'utf8'));
    expect(all.map(({ index }) => index)).toEqual(texts.map((_, i) => i));
    expect(readJson(`${output}.meta.json`)).toMatchObject({
      rows: texts.length,
      complete: true,
      counts: { texts: texts.length },
    });
  });

  it('reads standard input as it arrives, and ends on Ctrl-C while waiting for it', async () => {
    const { child, ended } = start('embed', '-m', model, '-', '--look-ahead', '1');
    let seen = '';
    child.stdout!.on('data', (chunk) => (seen += String(chunk)));
    child.stdin!.write('the cat\n');
    await until(() => seen.includes('\n') || child.exitCode !== null);
    child.stdin!.write('a dog\n');
    await until(() => seen.split('\n').length > 2 || child.exitCode !== null);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(records(stdout).map(({ index }) => index)).toEqual([0, 1]);
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const { child, ended } = start(
      'embed',
      '-m',
      model,
      '--input',
      folder.path('texts.txt'),
      '--look-ahead',
      '16',
      '--layers',
      '0',
    );
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|albertine:/);
  });
});
