import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AnswerReader,
  ChoiceModel,
  EntityTagger,
  FillMask,
  RelationClassifier,
  Reranker,
  TextClassifier,
} from '../../src/index.ts';
import { taskNamed } from '../../src/tasks/registry.ts';
import { FIXTURES } from '../tasks/fixtures.ts';
import { LEARNS, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { buildWithEsbuild, makeProject } from './builds.ts';
import { serve } from './site.ts';

/* Every task in a page: fine-tuned here, asked in Chromium, from `dist` (npm run build). */
const root = resolve(import.meta.dirname, '../..');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
declare const predictFrom: (task: string, url: string, inputs: unknown[]) => Promise<unknown[]>,
  fillFrom: (url: string, texts: string[]) => Promise<unknown>;

interface Loader {
  load(folder: string): Promise<{ predict(inputs: never): Promise<readonly unknown[]> }>;
}
const CLASSES = {
  classify: TextClassifier,
  tag: EntityTagger,
  answer: AnswerReader,
  choose: ChoiceModel,
  rank: Reranker,
  relate: RelationClassifier,
} as unknown as Readonly<Record<string, Loader>>;

/** Everything is equal but numbers, which may differ in the last digits: the engines do. */
function expectAlike(actual: unknown, expected: unknown, place: string): void {
  if (Object.is(actual, expected)) return;
  if (typeof expected === 'number') expect(Math.abs((actual as number) - expected), place).toBeLessThan(1e-4);
  else if (expected === null || typeof expected !== 'object') expect(actual, place).toBe(expected);
  else {
    expect(Object.keys(actual as object), place).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected))
      expectAlike((actual as Record<string, unknown>)[key], value, `${place}.${key}`);
  }
}

describe.skipIf(CHROMIUM === undefined)(
  `tasks in Chromium${CHROMIUM ? '' : ' (skipped: no chromium is installed)'}`,
  () => {
    const folder = temporaryFolder();
    const project = mkdtempSync(join(tmpdir(), 'albertine-tasks-page-'));
    let browser: Browser, page: Page, site: Awaited<ReturnType<typeof serve>>, model: string;
    beforeAll(async () => {
      makeProject(project, 'tasks-page.js');
      const built = await buildWithEsbuild(project);
      model = await writeTinyModel(folder.path('model'));
      site = await serve({
        '/': built.folder,
        '/models/': folder.path('.'),
        '/nano/': join(root, 'models/albertine-nano-en-zh'),
        '/ort/': join(root, 'node_modules/onnxruntime-web/dist'),
      });
      browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-gpu'] });
      page = await browser.newPage();
      await page.goto(`${site.url}/index.html?wasm=ort/ort-wasm-simd-threaded.wasm`);
      await page.waitForFunction(
        () => (globalThis as unknown as { document: { title: string } }).document.title === 'ready',
      );
    }, 120_000);
    afterAll(async () => {
      await browser.close();
      site.server.closeAllConnections();
      site.server.close();
      folder.remove();
      rmSync(project, { recursive: true });
    });

    it.each(Object.entries(FIXTURES).filter(([, { inputs }]) => inputs))(
      '%s answers as in Node',
      async (name, { task = name, data, options, inputs }) => {
        const train = data(folder.path(`${name}-train`), 160, 1);
        await (
          await taskNamed(task).load()
        ).fineTune({ model, train, output: folder.path(name), ...LEARNS, ...options, epochs: 4 } as never);
        const inNode = await (await CLASSES[task].load(folder.path(name))).predict(inputs as never);
        const inPage = await page.evaluate(([kind, path, asked]) => predictFrom(kind, path, asked), [
          task,
          `/models/${encodeURIComponent(name)}`,
          inputs!,
        ] as const);
        expect(inNode.length).toBe(inputs!.length);
        expectAlike(inPage, inNode, name);
      },
      60_000,
    );

    it('fills masks as in Node', async () => {
      const texts = ['The capital of [MASK] is Paris.', '北京是[MASK]国的首都。'];
      const inNode = await (await FillMask.load()).fill(texts);
      expectAlike(await page.evaluate((asked) => fillFrom('/nano', asked), texts), inNode, 'filled');
    }, 60_000);
  },
);
