import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlbertineError } from '../../src/core/errors.ts';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { buildIndex, updateIndex } from '../../src/retrieval/build-node.ts';
import { Chunker, indexedText } from '../../src/retrieval/chunk.ts';
import type { DocumentIndex } from '../../src/retrieval/document-index.ts';
import { readMarkdown } from '../../src/retrieval/documents/markdown.ts';
import { readPlain } from '../../src/retrieval/documents/plain.ts';
import { ChunkFilter, parseFilter, type Filter } from '../../src/retrieval/filter.ts';
import { fuse, reciprocalRanks } from '../../src/retrieval/fuse.ts';
import { openIndex } from '../../src/retrieval/open-node.ts';
import { ExactStore } from '../../src/retrieval/stores/exact-node.ts';
import { TopRows } from '../../src/core/top-rows.ts';
import { createRandom } from '../../src/core/random.ts';
import { pdfOf } from './pdf.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-retrieval-'));
const path = (...names: string[]): string => join(folder, ...names);
let model: NodeAlbert;
beforeAll(async () => {
  model = await loadModel(undefined, { threads: 1 });
});
afterAll(() => {
  model[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe('chunks', () => {
  const sentences = Array.from({ length: 12 }, (_, i) => `Sentence number ${i} tells of the cat and of the dog.`);

  it('are neighbours below one heading, within the tokens, and slices of the file', () => {
    const text = `# Cats\n\nOne.\n\nTwo.\n\n## Dogs\n\n${sentences.join(' ')}\n`;
    const chunks = new Chunker(model.tokenizer, { maxTokens: 40, overlap: 0 }).cut('a.md', readMarkdown(text));
    expect(chunks[0]).toMatchObject({ text: 'One.\n\nTwo.', headings: ['Cats'], title: 'Cats', file: 'a.md' });
    expect(chunks.length).toBeGreaterThan(4);
    for (const chunk of chunks) {
      expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
      expect(model.tokenizer.encodeIds(indexedText(chunk)).length).toBeLessThanOrEqual(40);
      expect(chunk.tokens).toBe(model.tokenizer.encodeIds(chunk.text).length);
    }
    expect(
      chunks
        .slice(1)
        .map(({ text: own }) => own)
        .join(' '),
    ).toBe(sentences.join(' '));
  });

  it('end at Chinese sentences, and repeat whole sentences where that is asked for', () => {
    const text = '猫在睡觉。狗在跑步！鸟在唱歌吗？鱼在水里游泳。太阳升起来了。月亮落下去了。';
    const cut = (overlap: number): string[] =>
      new Chunker(model.tokenizer, { maxTokens: 20, overlap }).cut('a', readPlain(text)).map((chunk) => chunk.text);
    expect(cut(0).join('')).toBe(text);
    for (const chunk of [...cut(0), ...cut(10)]) expect(chunk).toMatch(/[。！？]$/);
    const repeated = cut(10);
    expect(repeated.length).toBeGreaterThan(cut(0).length);
    for (let i = 1; i < repeated.length; i++) expect(repeated[i - 1]).toContain(/^.*?[。！？]/.exec(repeated[i])![0]);
  });

  it('divide a sentence that is too long, losing nothing', () => {
    const text = Array.from({ length: 200 }, (_, i) => `w${i}`).join(' ');
    const chunks = new Chunker(model.tokenizer, { maxTokens: 32, overlap: 0 }).cut('a', readPlain(text));
    expect(
      chunks
        .map((chunk) => chunk.text)
        .join('')
        .replaceAll(' ', ''),
    ).toBe(text.replaceAll(' ', ''));
    for (const { tokens } of chunks) expect(tokens).toBeLessThanOrEqual(34);
  });
});

describe('the exact store', () => {
  it('finds what sorting finds, with a mask too', async () => {
    const random = createRandom(1);
    const [rows, dimensions] = [300, 7];
    const data = Float32Array.from({ length: rows * dimensions }, () => Math.round(random.uniform() * 4) / 4);
    const store = new ExactStore(data, dimensions);
    const query = data.slice(0, dimensions);
    const accept = Uint8Array.from({ length: rows }, (_, i) => i % 3);
    const all = Array.from({ length: rows }, (_, row) => ({
      row,
      score: query.reduce((sum, value, k) => sum + value * data[row * dimensions + k], 0),
    })).sort((a, b) => b.score - a.score || a.row - b.row);
    expect(await store.nearest(query, { limit: 20 })).toEqual(all.slice(0, 20));
    const accepted = all.filter(({ row }) => accept[row] > 0);
    expect(await store.nearest(query, { limit: 1000, accept })).toEqual(accepted);
    expect(new TopRows(0).sorted()).toEqual([]);
  });
});

describe('fusion', () => {
  it('scales from floor to ceiling, and by ranks', () => {
    const vector = [1, 2, 3].map((row, i) => ({ row, score: 0.9 - 0.2 * i }));
    const lexical = [{ row: 3, score: 5 }];
    const fused = fuse([
      { ranking: vector, weight: 0.2, floor: 0.5, ceiling: 0.9 },
      { ranking: lexical, weight: 0.8, floor: 0, ceiling: 20 },
    ]);
    expect(fused.map(({ row }) => row)).toEqual([1, 3, 2]);
    [0.2, 0.2, 0.1].forEach((score, i) => expect(fused[i].score).toBeCloseTo(score, 12));
    expect(reciprocalRanks([vector, lexical])[0]).toEqual({ row: 3, score: 1 / 63 + 1 / 61 });
  });
});

describe('filters', () => {
  const chunk = { start: 0, end: 1, text: 'a', tokens: 1 };
  const chunks = [
    { ...chunk, file: 'docs/a.md', fields: { lang: 'en', year: '2019' }, headings: ['A', 'B'] },
    { ...chunk, file: 'docs/b.md', fields: { lang: 'zh', year: 2021 } },
    { ...chunk, file: 'c.pdf', page: 3 },
  ];
  let reads = 0;

  const read = async function* () {
    reads++;
    yield chunks.slice(0, 2);
    yield chunks.slice(2);
  };
  const filter = new ChunkFilter(read, chunks.length);
  const accepted = async (wanted: Filter): Promise<number[]> =>
    [...(await filter.accepted(wanted)).entries()].flatMap(([row, is]) => (is ? [row] : []));
  const rows = (...entries: string[]): Promise<number[]> => accepted(parseFilter(entries));

  it('are values, lists, bounds and exclusions, all of which must hold', async () => {
    expect(await rows('lang=zh')).toEqual([1]);
    expect(await rows('lang=en, zh')).toEqual([0, 1]);
    expect(await rows('lang!=en')).toEqual([1, 2]);
    expect(await rows('year>=2019', 'year<=2020')).toEqual([0]);
    expect(await rows('file=docs/*', 'heading=B')).toEqual([0]);
    expect(await rows('page=3')).toEqual([2]);
    expect(await accepted({ year: { min: 2020 } })).toEqual([1]);
    // A field is read once.
    expect(reads).toBe(4);
  });

  it('that cannot be meant are refused', async () => {
    await expect(rows('lnag=zh')).rejects.toThrow(/no chunk of the index has a field "lnag". Did you mean lang\?/);
    expect(() => parseFilter(['lang'])).toThrow(/must be like lang=zh/);
    expect(() => parseFilter(['lang=zh', 'lang=en'])).toThrow(/contradicts/);
    await expect(accepted({ lang: {} })).rejects.toThrow(/must be a value/);
    await expect(accepted({ lang: [['en']] } as unknown as Filter)).rejects.toThrow(/must be a value, a list/);
    await expect(accepted({ year: { min: null } } as unknown as Filter)).rejects.toThrow(/must be a value, a list/);
    expect(await rows('lang=zh')).toEqual([1]);
  });

  it('that no value of the field could meet are refused, with what the field holds', async () => {
    for (const [entry, message] of [
      [
        'year>=abc',
        /^the field year holds numbers in this index, .* bound "abc", which is no number. Write a number, such as 2019$/,
      ],
      ['page<=abc', /^the field page holds numbers/],
      ['page=three', /^the field page holds numbers .* "three", which is no number. Write a number, such as 3$/],
      [
        'lang=',
        /^the field lang holds text in this index, and its filter has an empty value. Write a value, such as en$/,
      ],
      ['lang!=', /an empty value/],
      ['lang=en,', /an empty value/],
      ['lang>=', /an empty bound/],
      ['row=', /^the field row holds no values .* Leave the filter out$/],
    ] as const)
      await expect(rows(entry), entry).rejects.toMatchObject({
        code: 'invalid_argument',
        option: 'filter',
        message: expect.stringMatching(message),
      });
  });

  it('find empty text where there is some, and text among digits', async () => {
    const fields = [
      { lang: '', done: true, code: '001' },
      { lang: 'en', done: false, code: '002' },
    ];
    const own = new ChunkFilter(async function* () {
      yield fields.map((one) => ({ ...chunk, file: 'a.csv', fields: one }));
    }, 2);
    const rows = async (entry: string): Promise<number[]> => [...(await own.accepted(parseFilter([entry])))];
    expect(await rows('lang=')).toEqual([1, 0]);
    expect(await rows('lang!=')).toEqual([0, 1]);
    expect(await rows('lang<=zz')).toEqual([0, 1]);
    expect(await rows('done=true')).toEqual([1, 0]);
    // Digits may be names: a name that is not there is no mistake, a bound that is no number is.
    expect(await rows('code=A1')).toEqual([0, 0]);
    await expect(rows('code>=A1')).rejects.toThrow(/holds numbers/);
    await expect(rows('done=yes')).rejects.toThrow(
      /holds true and false .* "yes", which is neither. Write true or false/,
    );
  });
});

describe('an index', () => {
  const sources = path('docs');
  const index = path('index');
  let opened: DocumentIndex;
  beforeAll(async () => {
    mkdirSync(sources);
    writeFileSync(
      join(sources, 'garden.md'),
      '# Garden\n\n## Tomatoes\n\nTomatoes need sun and much water in summer.\n\n## Roses\n\nCut roses back in early spring.\n',
    );
    writeFileSync(join(sources, 'train.txt'), 'The night train to the coast leaves the station at nine.\n');
    writeFileSync(
      join(sources, 'rows.jsonl'),
      `${JSON.stringify({ text: '番茄在夏天需要很多阳光和水。', lang: 'zh', year: 2020 })}\n${JSON.stringify({ text: '火车晚上九点离开车站。', lang: 'zh', year: 2022 })}\n`,
    );
    const report = await buildIndex(index, model, { sources: [sources], onError: 'skip' });
    expect(report).toMatchObject({
      files: 3,
      added: 3,
      changed: 0,
      chunks: 5,
      embedded: 5,
      fingerprint: model.fingerprint,
    });
    opened = await openIndex(index, { model });
  }, 60_000);
  afterAll(() => opened[Symbol.asyncDispose]());

  it('answers with text, file, offsets and scores by part', async () => {
    const [hit, ...others] = await opened.search('when do I cut roses?', { limit: 3 });
    expect(hit).toMatchObject({
      text: 'Cut roses back in early spring.',
      headings: ['Garden', 'Roses'],
      title: 'Garden',
    });
    expect(readFileSync(hit.file, 'utf8').slice(hit.start, hit.end)).toBe(hit.text);
    expect(others.length).toBe(2);
    const { data } = await model.embed(['when do I cut roses?', indexedText(hit)], { normalize: true });
    const width = data.length / 2;
    const cosine = data.subarray(0, width).reduce((sum, value, k) => sum + value * data[width + k], 0);
    expect(hit.scores.vector).toBeCloseTo(cosine, 4);
    expect(hit.scores.lexical).toBeGreaterThan(0);
    const [lexical] = await opened.search('roses', { mode: 'lexical' });
    expect(lexical.score).toBe(lexical.scores.lexical);
    expect(await opened.search('quantum', { mode: 'lexical' })).toEqual([]);
    const vector = await opened.search('火车几点出发', { mode: 'vector', limit: 99 });
    expect(vector.length).toBe(5);
    expect(vector[0].text).toBe('火车晚上九点离开车站。');
  });

  it('filters, diversifies and reranks', async () => {
    const late = await opened.search('火车', { filter: { lang: 'zh', year: { min: 2021 } } });
    expect(late.map(({ row, fields }) => [row, fields])).toEqual([[2, { lang: 'zh', year: 2022 }]]);
    const best = await opened.search('tomatoes in summer', { limit: 2, mode: 'vector' });
    const spread = await opened.search('tomatoes in summer', { limit: 5, mode: 'vector', mmr: 1 });
    expect(spread[0]).toEqual(best[0]);
    expect(spread.map(({ score }) => score)).not.toEqual(spread.map(({ score }) => score).sort((a, b) => b - a));
    const reranked = await opened.search('cut roses in spring', { rerank: 'albertscore' });
    expect(reranked[0].headings).toEqual(['Garden', 'Roses']);
    expect(reranked[0].score).toBe(reranked[0].scores.rerank);
    const shortest = {
      rank: (_query: string, texts: readonly string[]) => Promise.resolve(texts.map((text) => -text.length)),
      [Symbol.dispose]: () => undefined,
    };
    const lengths = (await opened.search('cut roses in spring', { rerank: shortest })).map(({ score }) => -score);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
  });

  it('refuses what it cannot answer', async () => {
    await expect(opened.search('  ')).rejects.toThrow(/query is empty/);
    await expect(opened.search('a', { mode: 'fuzzy' as 'vector' })).rejects.toThrow(/mode must be one of/);
    await expect(opened.search('a', { pool: 5 })).rejects.toThrow(/pool does nothing/);
    await expect(opened.search('a', { rerank: {} as 'x' })).rejects.toThrow(/rerank must be albertscore, a folder/);
    await expect(opened.search('a', { mmr: 2 })).rejects.toThrow(/from 0 to 1/);
    await expect(openIndex(path('nothing'))).rejects.toThrow(/no index at/);
    await expect(buildIndex(index, model, { sources: [sources] })).rejects.toThrow(/holds an index already/);
    const other = Object.assign(Object.create(model) as NodeAlbert, { fingerprint: 'model=other' });
    await expect(openIndex(index, { model: other })).rejects.toThrow(/was made with .*nano.*model=other/);
    await expect(updateIndex(index, other)).rejects.toThrow(/say nothing beside/);
  });

  it('is updated by content: changed, new and removed files, and only new texts are embedded', async () => {
    expect(await updateIndex(index, model)).toMatchObject({ unchanged: 3, embedded: 0, chunks: 5 });
    writeFileSync(
      join(sources, 'garden.md'),
      '# Garden\n\n## Tomatoes\n\nTomatoes need sun and much water in summer.\n\n## Beans\n\nBeans climb.\n',
    );
    writeFileSync(join(sources, 'new.html'), '<h1>Bread</h1><p>Knead the dough.</p>');
    rmSync(join(sources, 'train.txt'));
    const report = await updateIndex(index, model);
    expect(report).toMatchObject({ added: 1, changed: 1, unchanged: 1, removed: 1, chunks: 5, embedded: 2 });
    await using after = await openIndex(index, { model });
    expect((await after.search('dough', { mode: 'lexical' }))[0].text).toBe('Knead the dough.');
    expect(await after.search('coast', { mode: 'lexical' })).toEqual([]);
    // Vectors are those of their chunks still.
    const vectors = await after.vectors.read([0, 1, 2, 3, 4]);
    const chunks = await after.chunks.read([0, 1, 2, 3, 4]);
    const fresh = await model.embed(chunks.map(indexedText), { normalize: true });
    vectors.forEach((vector, row) => vector.forEach((value, k) => expect(value).toBeCloseTo(fresh.row(row)[k], 4)));
    // The one that was open is as it was.
    expect((await opened.search('coast', { mode: 'lexical' })).length).toBe(1);
    expect(readdirSync(index).sort()).toEqual(['000003', 'albertine-index.json']);
  });

  it('stays as it was when an update is interrupted, and the next one goes on', async () => {
    const many = Array.from({ length: 600 }, (_, i) => JSON.stringify({ text: `Entry ${i}.` })).join('\n');
    writeFileSync(join(sources, 'rows2.jsonl'), many);
    const controller = new AbortController();
    const onProgress = ({ extra }: { extra?: Record<string, number | string> }): void => {
      if (Number(extra?.['chunks'] ?? 0) > 500) controller.abort(new AlbertineError('interrupted', 'interrupted'));
    };
    await expect(updateIndex(index, model, { signal: controller.signal, onProgress })).rejects.toThrow(/interrupted/);
    expect(existsSync(join(index, 'work'))).toBe(true);
    await using before = await openIndex(index, { model });
    expect(before.chunks.length).toBe(5);
    const report = await updateIndex(index, model);
    expect(report.chunks).toBe(605);
    expect(report.resumed).toBeGreaterThan(400);
    expect(report.embedded + report.resumed).toBe(600);
    await using after = await openIndex(index, { model });
    expect((await after.search('Entry 577.', { mode: 'lexical' }))[0].text).toBe('Entry 577.');
  }, 120_000);

  it('of the first version, without the files that came later, is searched as before', async () => {
    const rows = path('old.jsonl');
    const texts = ['Cats sleep.', 'Dogs\u2028run.', '猫在睡觉。'];
    writeFileSync(rows, texts.map((text, i) => JSON.stringify({ text, year: 2000 + i })).join('\n'));
    const index = path('old-index');
    await buildIndex(index, model, { sources: [rows] });
    const search = async (): Promise<unknown> => {
      await using opened = await openIndex(index, { model });
      const all: unknown[] = [];
      for await (const chunk of opened.chunks) all.push(chunk);
      return [
        all,
        await opened.search('猫 cats', { filter: { year: { max: 2001 } } }),
        await opened.search('dogs run'),
      ];
    };
    const before = await search();
    expect(before).toMatchObject([texts.map((text) => ({ text })), [{ text: texts[0] }, { text: texts[1] }], {}]);
    for (const name of ['words.bin', 'chunks.offsets', 'fields.jsonl']) rmSync(join(index, '000001', name));
    expect(await search()).toEqual(before);
    await updateIndex(index, model);
    expect(readdirSync(join(index, '000002')).sort()).toEqual(
      ['chunks.jsonl', 'chunks.offsets', 'fields.jsonl', 'manifest.json', 'vectors.npy', 'words.bin'].sort(),
    );
    expect(await search()).toEqual(before);
  });

  it('is closed after the searches that were begun', async () => {
    const one = await openIndex(path('old-index'), { model });
    const found = one.search('cats');
    await one[Symbol.asyncDispose]();
    expect((await found)[0].text).toBe('Cats sleep.');
  });

  it('reads PDF files from folders', async () => {
    mkdirSync(path('pdfs'));
    writeFileSync(join(path('pdfs'), 'a.pdf'), pdfOf([[['The ferry leaves at noon.']], [['Green tea.']]]));
    const report = await buildIndex(path('pdf-index'), model, { sources: [path('pdfs')] });
    expect([report.chunks, report.skippedFiles]).toEqual([2, []]);
  });

  it('does not read itself, nor other indexes', async () => {
    mkdirSync(path('inside'));
    writeFileSync(join(path('inside'), 'a.txt'), 'Fine.');
    const index = join(path('inside'), 'index');
    expect((await buildIndex(index, model, { sources: [path('inside')] })).chunks).toBe(1);
    for (let i = 0; i < 2; i++)
      expect(await updateIndex(index, model)).toMatchObject({ chunks: 1, leftOut: { index: 1 } });
    await expect(buildIndex(path('of-index'), model, { sources: [index] })).rejects.toThrow(
      /is an index, and no folder/,
    );
  });

  it('says which file of an index is damaged, and what to do', async () => {
    mkdirSync(path('whole'));
    writeFileSync(join(path('whole'), 'a.txt'), 'Fine.');
    writeFileSync(join(path('whole'), 'b.txt'), 'Well.');
    const first = (name: string): string => `000001/${name}`;
    const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 8);
    for (const [file, damage, message] of [
      [
        first('chunks.jsonl'),
        '{"text',
        /chunks\.jsonl and chunks\.offsets do not belong together: 6 bytes, and a last place of \d+/,
      ],
      [first('chunks.offsets'), cut, /chunks\.jsonl and chunks\.offsets do not belong together/],
      [
        first('vectors.npy'),
        cut,
        /000001 is damaged: its chunks and its vectors do not belong together: 2 chunks, and 1 vector/,
      ],
      [first('manifest.json'), '{"chunks":', /manifest\.json is not JSON/],
      [first('manifest.json'), '{}', /manifest\.json is damaged: it does not say what the index holds/],
      [first('manifest.json'), undefined, /manifest\.json is damaged: the file is missing/],
      ['albertine-index.json', '{"format":1,', /albertine-index\.json is not JSON/],
      ['albertine-index.json', undefined, /index is damaged: it has no albertine-index\.json/],
      ['albertine-index.json', '{"format":1,"generation":"000002"}', /000002.manifest\.json is damaged/],
      [first('words.bin'), 'ALBWORDS', /words\.bin is damaged: it has not the bytes that were written/],
      [first('vectors.npy'), 'x', /is damaged: its vectors cannot be read/],
      ['albertine-index.json', '99', /albertine-index\.json is damaged: it does not name a generation/],
    ] as const) {
      const index = path('damaged index');
      await buildIndex(index, model, { sources: [path('whole')], overwrite: true });
      if (damage === undefined) rmSync(join(index, file));
      else
        writeFileSync(join(index, file), typeof damage === 'string' ? damage : damage(readFileSync(join(index, file))));
      await expect(openIndex(index), String(message)).rejects.toMatchObject({
        code: 'invalid_file',
        message: expect.stringMatching(message),
        hint: 'Build the index anew with --overwrite',
      });
      await buildIndex(index, model, { sources: [path('whole')], overwrite: true });
      await using opened = await openIndex(index, { model });
      expect(opened.chunks.length).toBe(2);
      rmSync(index, { recursive: true });
    }
  });

  it('says by a search which files are damaged that are read then', async () => {
    const index = path('damaged later');
    await buildIndex(index, model, { sources: [path('whole')] });
    const generation = join(index, '000001');
    const damages = async (name: string, content: string | Buffer, message: RegExp): Promise<void> => {
      const before = readFileSync(join(generation, name));
      writeFileSync(join(generation, name), content);
      await using opened = await openIndex(index, { model });
      await expect(opened.search('fine', { filter: { file: '*' } })).rejects.toThrow(message);
      writeFileSync(join(generation, name), before);
    };
    const fields = readFileSync(join(generation, 'fields.jsonl'), 'utf8');
    const advice = '.*Build the index anew with --overwrite';
    await damages(
      'fields.jsonl',
      fields.slice(0, -9),
      new RegExp(`fields.jsonl is damaged: a line of it is no JSON${advice}`),
    );
    const [line] = fields.split('\n');
    const apart = new RegExp(`fields.jsonl and chunks.offsets do not belong together: 1 chunk, and 2${advice}`);
    await damages('fields.jsonl', `${line}\n`, apart);
    const offsets = readFileSync(join(generation, 'chunks.offsets'));
    offsets.writeDoubleLE(offsets.readDoubleLE(8) - 3, 8);
    await damages(
      'chunks.offsets',
      offsets,
      new RegExp(`chunks.jsonl and chunks.offsets do not belong together${advice}`),
    );
  });

  it('in a smaller form says that its files do not belong together', async () => {
    const index = path('damaged small');
    await buildIndex(index, model, { sources: [path('whole')], vectors: 'int8' });
    const small = join(index, '000001', 'vectors.int8');
    writeFileSync(small, readFileSync(small).subarray(1));
    await expect(openIndex(index)).rejects.toThrow(
      /vectors\.int8 and vectors\.npy do not belong together: \d+ bytes, and 2 vectors .*--overwrite/,
    );
  });

  it('reports what it leaves out', async () => {
    const mixed = path('mixed');
    mkdirSync(mixed);
    writeFileSync(join(mixed, 'a.txt'), 'Fine.');
    writeFileSync(join(mixed, 'b.txt'), Buffer.from([0xff, 0x41]));
    writeFileSync(join(mixed, 'c.pdf'), 'no pdf');
    writeFileSync(join(mixed, 'd.md'), '');
    writeFileSync(join(mixed, 'e.xyz'), '');
    await expect(buildIndex(path('mixed-index'), model, { sources: [mixed] })).rejects.toThrow(/b\.txt is not utf-8/);
    const report = await buildIndex(path('mixed-index'), model, { sources: [mixed], onError: 'skip' });
    expect(report.skippedFiles.map(({ file }) => file.slice(-5))).toEqual(['b.txt', 'c.pdf']);
    expect(report.emptyFiles.map((file) => file.slice(-4))).toEqual(['d.md']);
    expect([report.leftOut, report.chunks]).toEqual([{ '.xyz': 1 }, 1]);
    mkdirSync(path('void'));
    await expect(buildIndex(path('void-index'), model, { sources: [path('void')] })).rejects.toThrow(/no text in/);
  });
});
