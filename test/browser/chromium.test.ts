import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Albert } from '../../src/index.ts';
import { buildWithEsbuild, buildWithVite, makeProject, type Built } from './builds.ts';
import { serve } from './site.ts';

/* The browser entry as a page has it: built by bundlers and run in Chromium, from `dist` (npm run build). */
const root = resolve(import.meta.dirname, '../..');
const MODEL = join(root, 'models/albertine-nano-en-zh');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const TEXTS = ['the cat sat on the mat', '猫坐在垫子上'];

/** What page.js puts on the page. */
interface PageFunctions {
  embedFrom(url: string, texts: string[]): Promise<number[][]>;
  embedDropped(texts: string[]): Promise<number[][]>;
  failureOf(url: string): Promise<[boolean, string, string]>;
}
declare const embedFrom: PageFunctions['embedFrom'],
  embedDropped: PageFunctions['embedDropped'],
  failureOf: PageFunctions['failureOf'];

const project = mkdtempSync(join(tmpdir(), 'albertine-page-'));
const builds: Record<string, Built> = {};
let inNode: Float32Array[];

beforeAll(async () => {
  makeProject(project);
  builds['Vite'] = await buildWithVite(project);
  builds['esbuild'] = await buildWithEsbuild(project);
  using model = await Albert.load();
  const matrix = await model.embed(TEXTS);
  inNode = TEXTS.map((_, row) => matrix.row(row).slice());
}, 120_000);
afterAll(() => rmSync(project, { recursive: true }));

describe.each(['Vite', 'esbuild'])('a page built by %s', (name) => {
  it('has the plain WebAssembly engine at most, and nothing of Node', () => {
    const { files, warnings } = builds[name];
    expect(warnings).toEqual([]);
    expect(files.filter(({ name: file }) => /jsep|asyncify|jspi|\.node$|binding/.test(file))).toEqual([]);
    expect(files.filter(({ name: file }) => file.endsWith('.wasm')).length).toBe(name === 'Vite' ? 1 : 0);
    expect(
      files.filter(({ name: file }) => file.endsWith('.js')).reduce((sum, { bytes }) => sum + bytes, 0),
    ).toBeLessThan(400_000);
  });
});

const largestDifference = (vectors: number[][]): number =>
  Math.max(...vectors.flatMap((vector, i) => vector.map((value, j) => Math.abs(value - inNode[i][j]))));

describe.skipIf(CHROMIUM === undefined)(`in Chromium${CHROMIUM ? '' : ' (skipped: no chromium is installed)'}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser.close());

  /** Opens a build's page on a server of its own. */
  async function onPage<Result>(
    name: string,
    options: { isolated?: boolean },
    use: (page: Page) => Promise<Result>,
  ): Promise<Result> {
    const { url, server } = await serve(
      { '/': builds[name].folder, '/model/': MODEL, '/ort/': join(root, 'node_modules/onnxruntime-web/dist') },
      options,
    );
    const page = await browser.newPage();
    try {
      await page.goto(`${url}/index.html${name === 'esbuild' ? '?wasm=ort/ort-wasm-simd-threaded.wasm' : ''}`);
      await page.waitForFunction(
        () => (globalThis as unknown as { document: { title: string } }).document.title === 'ready',
      );
      return await use(page);
    } finally {
      await page.close();
      server.closeAllConnections();
      server.close();
    }
  }

  it.each([
    ['Vite', false],
    ['esbuild', false],
    ['Vite', true],
    ['esbuild', true],
  ] as const)(
    'a model at a URL gives the vectors that Node gives (%s, cross-origin isolated: %s)',
    async (name, isolated) => {
      const vectors = await onPage(name, { isolated }, (page) =>
        page.evaluate((texts) => embedFrom('/model', texts), TEXTS),
      );
      expect(vectors.map((vector) => vector.length)).toEqual([384, 384]);
      expect(largestDifference(vectors)).toBeLessThan(1e-5);
    },
  );

  it('threads are started where the page is isolated and has the engine as it is', async () => {
    const threads = async (isolated: boolean): Promise<number> =>
      onPage('esbuild', { isolated }, async (page) => {
        let workers = 0;
        page.on('worker', () => workers++);
        await page.evaluate((texts) => embedFrom('/model', texts), TEXTS);
        return workers;
      });
    expect(await threads(false)).toBe(0);
    // One that asks and one for every other processor.
    expect(await threads(true)).toBeGreaterThanOrEqual(Math.min(1, availableParallelism() - 1));
  });

  it('a model of dropped files gives them too', async () => {
    const files = readdirSync(MODEL)
      .map((name) => join(MODEL, name))
      .filter((path) => statSync(path).isFile());
    const vectors = await onPage('Vite', {}, async (page) => {
      await page.setInputFiles('input', files);
      return page.evaluate((texts) => embedDropped(texts), TEXTS);
    });
    expect(largestDifference(vectors)).toBeLessThan(1e-5);
  });

  it('names what the server answered', async () => {
    const failures = await onPage('Vite', {}, async (page) => {
      const origin = new URL(page.url()).origin;
      const found: Record<string, unknown> = {};
      for (const path of ['/nowhere', '/broken/model', '/pages/model']) {
        const [ours, code, message] = await page.evaluate((url) => failureOf(url), path);
        found[path] = [ours, code, message.replaceAll(origin, '')];
      }
      return found;
    });
    expect(failures).toEqual({
      '/nowhere': [
        true,
        'file_not_found',
        '/nowhere/config.json: the server answers 404 Not Found. Check the address; it must be the folder of the model',
      ],
      '/broken/model': [true, 'network', '/broken/model/config.json: the server answers 503 Service Unavailable'],
      '/pages/model': [
        true,
        'file_not_found',
        '/pages/model/config.json is an HTML page, not a file of a model. The server answers unknown addresses with a page; check the address',
      ],
    });
  });
});
