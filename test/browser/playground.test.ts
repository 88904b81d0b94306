import axe from 'axe-core';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiKey } from '../../src/server/keys.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { TASK_FOLDERS, writeSmallFolder } from '../server/models.ts';
import { temporaryFolder } from '../training/small-run.ts';

/* The playground as it is shipped, in Chromium, on a server of ours. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const folder = temporaryFolder();
const built = folder.path('built');
const runs = folder.path('runs');

beforeAll(async () => {
  const web = resolve(import.meta.dirname, '../../web');
  await build({
    root: web,
    configFile: join(web, 'vite.config.ts'),
    logLevel: 'silent',
    build: { outDir: built },
  });
}, 60_000);
afterAll(() => folder.remove());

describe('the built page', () => {
  it('has less than 250 kB, compressed, and UMAP is not in what is loaded first', () => {
    const sizes = readdirSync(built, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.\w+$/.test(name))
      .map((name) => ({ name, bytes: gzipSync(readFileSync(join(built, name))).length }));
    expect(sizes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(250_000);
    expect(sizes.filter(({ name }) => /umap.*\.js$/.test(name))).toHaveLength(1);
    expect(readFileSync(join(built, 'index.html'), 'utf8')).not.toMatch(/umap|https?:/);
  });
});

const NAMES = ['map', 'compare', 'search', 'classify', 'spans', 'masks', 'attention', 'runs'] as const;

describe.skipIf(CHROMIUM === undefined)(`in Chromium${CHROMIUM ? '' : ' (skipped: no chromium is installed)'}`, () => {
  let browser: Browser;
  let server: AlbertineServer;
  let plain: AlbertineServer;
  let context: BrowserContext;
  let page: Page;
  let elsewhere: string[];
  let complaints: string[];
  const origins = new Set<string>();

  beforeAll(async () => {
    mkdirSync(join(runs, 'going'), { recursive: true });
    const models = Object.fromEntries(
      ['classify', 'inference', 'tag', 'answer'].map((name) => [
        name,
        writeSmallFolder(folder.path(name), TASK_FOLDERS[name]),
      ]),
    );
    const options = { port: 0, log: 'silent', playground: true, playgroundFolder: built } as const;
    server = await startServer({
      ...options,
      runs,
      models: { 'albertine-nano-en-zh': 'albertine-nano-en-zh', ...models },
    });
    plain = await startServer(options);
    for (const { url } of [server, plain]) origins.add(url);
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-gpu'] });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await plain?.close();
  });
  beforeEach(async () => {
    await open();
    writeFileSync(
      join(runs, 'going/metrics.jsonl'),
      Array.from({ length: 20 }, (_, i) => `{"step":${i + 1},"loss":${2 / (i + 1)},"tokens":64,"seconds":0.5}\n`).join(
        '',
      ),
    );
    writeFileSync(join(runs, 'going/events.jsonl'), '{"step":10,"evaluation":{"accuracy":0.5}}\n');
    writeFileSync(join(runs, 'going/run.json'), '{"totalSteps":40,"config":{"batchSize":8}}');
  });
  afterEach(async () => {
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  /** Opens a page whose requests to elsewhere, errors and breaches of its policy are noted. */
  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: 'en-GB', ...options });
    page = await context.newPage();
    [elsewhere, complaints] = [[], []];
    page.on('request', (request) => {
      if (!origins.has(new URL(request.url()).origin)) elsewhere.push(request.url());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    // An answer of the API that is no success is a line too; what the page does with it is looked at itself.
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
  }

  async function show(name: (typeof NAMES)[number], at = server): Promise<Locator> {
    await page.goto(`${at.url}/playground/#${name}`);
    const panel = page.locator(`[data-panel=${name}]`);
    await panel.waitFor();
    return panel;
  }

  const press = (panel: Locator, name: string): Promise<void> =>
    panel.getByRole('button', { name, exact: true }).click();

  /** Search as a server with an index answers it. */
  async function withIndex(): Promise<{ asked: unknown[] }> {
    const asked: unknown[] = [];
    await page.route('**/v1/indexes', (route) => route.fulfill({ json: { indexes: [{ name: 'notes' }] } }));
    await page.route('**/v1/search', (route) => {
      asked.push(route.request().postDataJSON());
      const results = [
        {
          text: 'Water the flowers at dusk.',
          score: 0.9,
          file: 'notes/garden.md',
          start: 3,
          end: 29,
          headings: ['Garden', 'Summer'],
        },
      ];
      return route.fulfill({ json: { results } });
    });
    return { asked };
  }

  /** Has every panel show something, as a visitor would. */
  const FILL: Record<(typeof NAMES)[number], (panel: Locator) => Promise<void>> = {
    async map(panel) {
      await press(panel, 'Make the map');
      await panel.getByRole('button', { name: /^food/ }).click();
    },
    async compare(panel) {
      await press(panel, 'Compare');
      await press(panel, 'Run');
      await panel.getByText('Precision is their mean').waitFor();
    },
    async search(panel) {
      await panel.getByLabel('Question or words').fill('flowers');
      await press(panel, 'Search');
      await panel.getByText('Results: 1').waitFor();
    },
    async classify(panel) {
      await panel.getByLabel('Text', { exact: true }).fill('the cat sat');
      await press(panel, 'Classify');
      await press(panel, 'Explain');
      await panel.getByText('Parts of the logit').waitFor();
      await panel.getByText('As a table').click();
    },
    async spans(panel) {
      await panel.getByLabel('Text', { exact: true }).fill('the cat sat on the mat');
      await press(panel, 'Mark the entities');
      await panel.locator('mark.labelled').first().waitFor();
      await panel.getByText('As a table').click();
      await panel.getByLabel('Text to answer from').fill('the cat sat on the mat');
      await panel.getByLabel('Question').fill('a cat');
      await press(panel, 'Answer');
      await panel.getByText('Best answer').waitFor();
    },
    async masks(panel) {
      await press(panel, 'Guess');
      await panel.getByText('With the best guesses').waitFor();
    },
    async attention(panel) {
      await press(panel, 'Show attention');
      await panel.getByText('Rows look at columns').waitFor();
    },
    async runs(panel) {
      await panel.getByText('20 / 40').waitFor();
    },
  };

  it.each(NAMES)('%s: accessible in both themes, and no wider than a small telephone', async (name) => {
    await withIndex();
    const panel = await show(name);
    await FILL[name](panel);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      expect(await violations(page), colorScheme).toEqual([]);
    }
    for (const width of [360, 768]) {
      await page.setViewportSize({ width, height: 740 });
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect(wide, String(width)).toBeLessThanOrEqual(width);
      expect(await violations(page), String(width)).toEqual([]);
    }
  });

  it.each(NAMES)('%s: without a model for it, says how to serve one', async (name) => {
    const panel = await show(name, plain);
    const needs: Partial<Record<string, string>> = {
      search: 'albertine playground --index my-index',
      classify: 'albertine finetune classify',
      spans: 'albertine finetune tag',
      runs: 'albertine playground --runs runs',
    };
    if (needs[name] === undefined) return expect(await panel.locator('button.primary').count()).toBe(1);
    await panel.getByText(needs[name]!).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('map: a file, its colours, a lasso, words, keys, and UMAP', async () => {
    const panel = await show('map');
    const text = [
      'id,sentence,kind',
      ...Array.from({ length: 12 }, (_, i) => `${i},number ${i},${i % 2 ? 'odd' : 'even'}`),
    ];
    await panel
      .locator('input[type=file]')
      .setInputFiles({ name: 'numbers.csv', mimeType: 'text/csv', buffer: Buffer.from(text.join('\n')) });
    await panel.getByText('12 texts from numbers.csv').waitFor();
    await press(panel, 'Make the map');
    await panel.getByText(/The two directions hold/).waitFor();
    await panel.getByLabel('Colour by').selectOption('kind');
    const counts = panel.getByRole('status').filter({ hasText: 'texts selected' });
    await panel.getByRole('button', { name: 'odd 6' }).click();
    expect(await counts.textContent()).toBe('6 of 12 texts selected');
    const canvas = panel.getByRole('application');
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    const [left, top, right, bottom] = [box.x + 3, box.y + 3, box.x + box.width - 3, box.y + box.height - 3];
    await page.mouse.move(left, top);
    await page.mouse.down();
    for (const [x, y] of [
      [right, top],
      [right, bottom],
      [left, bottom],
    ])
      await page.mouse.move(x, y, { steps: 3 });
    await page.mouse.up();
    expect(await counts.textContent()).toBe('12 of 12 texts selected');
    expect(await panel.locator('.selected li').count()).toBe(12);
    await panel.getByLabel('Select texts that contain').fill('number 1');
    expect(await counts.textContent()).toBe('3 of 12 texts selected');
    await canvas.focus();
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    expect(Number((await counts.textContent())!.split(' ')[0])).toBeLessThan(12);
    await page.keyboard.press('0');
    await page.keyboard.press('Enter');
    expect(await counts.textContent()).toBe('12 of 12 texts selected');
    await panel.getByLabel('Projection').selectOption('umap');
    await panel.getByText('UMAP with 11 neighbours').waitFor();
    await canvas.waitFor({ timeout: 30_000 });
  });

  it('similarity: cosines and the tokens between them', async () => {
    const panel = await show('compare');
    await panel.getByRole('button', { name: 'Remove text 3' }).click();
    await panel.getByLabel('Text 1').fill('the cat sat');
    await panel.getByLabel('Text 2').fill('a cat was sitting');
    await press(panel, 'Compare');
    await press(panel, 'Run');
    await panel.getByText('0.6668').waitFor();
    expect(await panel.locator('figure tbody tr').count()).toBe(3);
    expect(await panel.locator('figure td.best').allTextContents()).toEqual(['0.61', '0.96', '0.53']);
    await panel.getByLabel('Text 2').fill(' ');
    await press(panel, 'Compare');
    await panel.getByRole('alert').getByText('Write something into every text').waitFor();
  });

  it('search: asks the index that is chosen', async () => {
    const { asked } = await withIndex();
    const panel = await show('search');
    await panel.getByLabel('Way').selectOption('lexical');
    await FILL.search(panel);
    expect(asked).toEqual([{ index: 'notes', query: 'flowers', limit: 10, mode: 'lexical' }]);
    expect(await panel.locator('mark').allTextContents()).toEqual(['flowers']);
  });

  it('classification: probabilities, reasons, labels of one’s own', async () => {
    const panel = await show('classify');
    await FILL.classify(panel);
    expect(await panel.locator('table.bars th').allTextContents()).toEqual(expect.arrayContaining(['x', 'y', 'z']));
    expect(await panel.locator('.marked mark').allTextContents()).toEqual(['the', 'cat', 'sat']);
    await panel.getByLabel('Method').selectOption('attention-rollout');
    await press(panel, 'Explain');
    await panel.getByText('Attention rollout is of no label').waitFor();
    await panel.getByLabel('Model', { exact: true }).selectOption('inference');
    await panel.getByLabel('Labels', { exact: true }).selectOption('zero-shot');
    await panel.getByLabel('Your labels').fill('sun, cat');
    await press(panel, 'Classify');
    await panel.getByRole('rowheader', { name: 'sun' }).waitFor();
  });

  it('errors of the server are shown as they are', async () => {
    const panel = await show('masks');
    await panel.getByLabel('Text with [MASK] in it').fill('nothing is hidden here');
    await press(panel, 'Guess');
    const alert = panel.getByRole('alert');
    await alert.waitFor();
    const answer = await server.app.inject({
      method: 'POST',
      url: '/v1/predict',
      payload: { task: 'fill-mask', inputs: ['nothing is hidden here'], options: { topK: 8 } },
    });
    const { error } = JSON.parse(answer.body) as { error: { code: string; message: string } };
    expect(await alert.textContent()).toBe(`${error.code} ${error.message}`);
    await press(panel, 'Insert [MASK]');
    await press(panel, 'Guess');
    await panel.getByText('With the best guesses').waitFor();
    expect(await alert.count()).toBe(0);
  });

  it('attention: a head by its sliders, a token by its button', async () => {
    const panel = await show('attention');
    await FILL.attention(panel);
    await panel.getByLabel(/^Depth/).fill('2');
    await panel.getByLabel(/^Head/).fill('3');
    await panel.getByRole('heading', { name: 'Depth 2, head 3' }).waitFor();
    const tokens = panel.getByRole('group', { name: 'Choose a token' });
    await tokens.getByRole('button', { name: 'animal' }).click();
    await panel.getByText('“animal” looks at').waitFor();
    expect(await tokens.getByRole('button', { pressed: true }).allTextContents()).toEqual(['animal']);
    const values = (await panel.locator('table.heat tbody tr').first().locator('td').allTextContents()).map(Number);
    expect(Math.abs(values.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(0.1);
  });

  it('training runs: new steps come by themselves, until it is finished', async () => {
    const panel = await show('runs');
    await FILL.runs(panel);
    expect(await panel.locator('.chart svg').count()).toBe(2);
    appendFileSync(join(runs, 'going/metrics.jsonl'), '{"step":21,"loss":0.05,"tokens":64,"seconds":0.5}\n');
    await panel.getByText('21 / 40').waitFor();
    expect(await panel.locator('.live').count()).toBe(1);
    writeFileSync(join(runs, 'going/run.json'), '{"totalSteps":40,"outcome":"interrupted"}');
    await panel.locator('.live').waitFor({ state: 'detached' });
  });

  it('languages and themes are switched, and kept', async () => {
    await show('masks');
    await page.getByRole('button', { name: /Switch to Chinese/ }).click();
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe('掩码填词');
    expect(await page.evaluate('document.documentElement.lang')).toBe('zh-CN');
    const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByLabel('主题').selectOption('dark');
    await expect.poll(ground).not.toBe(light);
    await page.reload();
    await page.getByRole('heading', { level: 2, name: '掩码填词' }).waitFor();
    await expect.poll(ground).not.toBe(light);
    await open({ locale: 'zh-CN' });
    await show('map');
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe('地图');
  });

  it('the keyboard leads from panel to panel', async () => {
    await show('map');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the panel');
    await page.getByRole('link', { name: 'Attention' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 2, name: 'Attention' }).waitFor();
    expect(await focused(page)).toBe('Attention');
    expect(await page.locator('[aria-current=page]').textContent()).toBe('Attention');
    await page.setViewportSize({ width: 360, height: 700 });
    const unfold = page.getByRole('button', { name: 'Panels: Attention' });
    await unfold.click();
    await page.getByRole('link', { name: 'Map' }).click();
    expect(await page.getByRole('button', { name: 'Panels: Map' }).getAttribute('aria-expanded')).toBe('false');
  });

  it('asks for a key where one is needed', async () => {
    const { key, entry } = createApiKey('me');
    writeFileSync(folder.path('keys.json'), JSON.stringify({ keys: [entry] }));
    const options = { port: 0, log: 'silent', playground: true, playgroundFolder: built } as const;
    await using guarded = await startServer({ ...options, keys: folder.path('keys.json') });
    origins.add(guarded.url);
    await page.goto(`${guarded.url}/playground/#masks`);
    await page.getByText('This server needs an API key').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Use the key' }).click();
    await page.locator('[data-panel=masks]').waitFor();
    await page.close();
  });
});

const focused = (page: Page): Promise<unknown> => page.evaluate('document.activeElement.textContent');

/** What axe finds wrong, each with the elements. Its script is evaluated, as the page's policy would not load it. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  );
}
