/**
 * `npm run bundlers`: real builds of the browser entry with Vite, esbuild, webpack and Next, each run in Chromium, and
 * of a Next server that loads the built-in model. Prints what each build weighs; ends with an error where one fails or
 * gives other vectors than Node. Needs `npm run build` and `npm install --prefix test/bundlers`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser } from 'playwright-core';
import { Albert } from '../../src/index.ts';
import { buildWithEsbuild, buildWithVite, listFiles, makeProject, page, type Built } from '../browser/builds.ts';
import { serve } from '../browser/site.ts';

const root = resolve(import.meta.dirname, '../..');
const MODEL = join(root, 'models/albertine-nano-en-zh');
const TEXTS = ['the cat sat on the mat', '猫坐在垫子上'];
const NEXT = join(import.meta.dirname, 'node_modules/next/dist/bin/next');

declare const embedFrom: (url: string, texts: string[]) => Promise<number[][]>;

interface WebpackStats {
  toJson(options: object): { errors: { message: string }[]; warnings: { message: string }[] };
}
type Webpack = (config: object, done: (error: Error | null, stats: WebpackStats) => void) => void;

async function buildWithWebpack(project: string): Promise<Built> {
  const folder = join(project, 'dist-webpack');
  const webpack = createRequire(import.meta.url)('webpack') as Webpack;
  const stats = await new Promise<WebpackStats>((done, fail) => {
    // `publicPath` relative, because the page lies in a folder; the performance hints count kilobytes of the engine.
    const config = {
      mode: 'production',
      context: project,
      entry: './page.js',
      output: { path: folder, filename: 'page.js', publicPath: '' },
      performance: { hints: false },
    };
    webpack(config, (error, result) => (error ? fail(error) : done(result)));
  });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  writeFileSync(join(folder, 'index.html'), page('./page.js'));
  return { folder, files: listFiles(folder), warnings: warnings.map(({ message }) => message) };
}

/**
 * A Next project: a page that embeds in the browser, and a route that embeds on the server with the built-in model.
 * Nothing is configured.
 */
function makeNextProject(): string {
  // Turbopack takes packages from inside the project only, so the package is installed, not linked to.
  const project = mkdtempSync(join(tmpdir(), 'albertine-next-'));
  mkdirSync(join(project, 'app/api/embed'), { recursive: true });
  mkdirSync(join(project, 'public'), { recursive: true });
  cpSync(MODEL, join(project, 'public/model'), { recursive: true });
  cpSync(join(import.meta.dirname, 'next-app'), join(project, 'app'), { recursive: true });
  copyFileSync(join(root, 'test/browser/page.js'), join(project, 'app/browser-page.js'));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const npm = (...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync('npm', args, {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    });
    if (status !== 0) throw new Error(stderr);
    return stdout.trim();
  };
  const packed = npm('pack', root, '--ignore-scripts', '--silent');
  npm(
    'install',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    `./${packed}`,
    'next@16',
    'react@19',
    'react-dom@19',
  );
  return project;
}

async function withNext<Result>(project: string, use: (url: string) => Promise<Result>): Promise<Result> {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  const built = spawnSync(process.execPath, [join(project, 'node_modules/next/dist/bin/next'), 'build'], {
    cwd: project,
    encoding: 'utf8',
    env,
  });
  if (built.status !== 0) throw new Error(`next build: ${built.stdout}${built.stderr}`);
  const server = spawn(
    process.execPath,
    [join(project, 'node_modules/next/dist/bin/next'), 'start', '-p', '0', '-H', '127.0.0.1'],
    { cwd: project, env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const url = await new Promise<string>((done, fail) => {
      let printed = '';
      server.stdout.on('data', (chunk) => {
        printed += String(chunk);
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
        if (found && printed.includes('Ready')) done(found[0]);
      });
      server.on('exit', () => fail(new Error(`next start ended: ${printed}`)));
    });
    return await use(url);
  } finally {
    server.kill();
  }
}

async function embedIn(browser: Browser, address: string): Promise<number[][]> {
  const tab = await browser.newPage();
  try {
    await tab.goto(address);
    await tab.waitForFunction(() => 'embedFrom' in globalThis);
    return await tab.evaluate((texts) => embedFrom('/model', texts), TEXTS);
  } finally {
    await tab.close();
  }
}

let failed = false;

function report(name: string, expected: number[][], vectors: number[][]): void {
  const difference = Math.max(
    ...expected.flatMap((row, i) => row.map((value, j) => Math.abs(value - (vectors[i]?.[j] ?? NaN)))),
  );
  const fits = difference < 1e-5;
  if (!fits) failed = true;
  console.log(`${fits ? 'ok' : 'FAILED'}  ${name}: largest difference to Node ${difference.toExponential(1)}`);
}

function weigh({ folder, files, warnings }: Built): void {
  for (const { name, bytes } of files.filter(({ name: file }) => /\.(m?js|wasm)$/.test(file))) {
    console.log(
      `        ${name}  ${(bytes / 1e3).toFixed(0)} kB, ${(gzipSync(readFileSync(join(folder, name))).length / 1e3).toFixed(0)} kB gzipped`,
    );
  }
  for (const warning of warnings) console.log(`        warning: ${warning}`);
}

async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failed = true;
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

if (!existsSync(NEXT)) throw new Error('first: npm install --prefix test/bundlers');
using model = await Albert.load();
const matrix = await model.embed(TEXTS);
const expected = TEXTS.map((_, row) => Array.from(matrix.row(row)));
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const project = mkdtempSync(join(tmpdir(), 'albertine-bundlers-'));
makeProject(project);
for (const [name, build] of [
  ['Vite', buildWithVite],
  ['esbuild', buildWithEsbuild],
  ['webpack', buildWithWebpack],
] as const) {
  await attempt(name, async () => {
    const built = await build(project);
    const { url, server } = await serve({
      '/': built.folder,
      '/model/': MODEL,
      '/ort/': join(root, 'node_modules/onnxruntime-web/dist'),
    });
    report(
      name,
      expected,
      await embedIn(browser, `${url}/index.html${name === 'esbuild' ? '?wasm=ort/ort-wasm-simd-threaded.wasm' : ''}`),
    );
    weigh(built);
    server.closeAllConnections();
    server.close();
  });
}
await attempt('Next', async () => {
  const next = makeNextProject();
  try {
    await withNext(next, async (url) => {
      const answer = await fetch(`${url}/api/embed`, { method: 'POST', body: JSON.stringify(TEXTS) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`the route answers ${answer.status}: ${text.slice(0, 500)}`);
      report('Next, on the server', expected, JSON.parse(text) as number[][]);
      report('Next, in the browser', expected, await embedIn(browser, url));
    });
  } finally {
    rmSync(next, { recursive: true });
  }
});
await browser.close();
rmSync(project, { recursive: true });
process.exit(failed ? 1 : 0);
