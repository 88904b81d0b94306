import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metadataPath, partialPath } from '../../src/data/index.ts';
import { AlbertineError } from '../../src/core/errors.ts';
import { readNpy } from '../../src/data/npy-node.ts';
import { openRows } from '../../src/data/read-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { makeModel, readJson, records, run, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
let model: string;
const TEXTS = [
  'the cat sat on the mat',
  'a dog ran',
  '',
  '我不好',
  'the big red train was slow, and the small blue house was not!',
];

beforeAll(async () => {
  model = await makeModel(folder);
  writeFileSync(folder.path('texts.txt'), `${TEXTS.join('\n')}\n`);
  writeFileSync(
    folder.path('texts.jsonl'),
    TEXTS.map((text, id) => `${JSON.stringify({ id, body: text })}\n`).join(''),
  );
});
afterAll(() => folder.remove());

/** What the library gives, as numbers read back from JSON. */
async function expected(texts: string[], options = {}): Promise<number[][]> {
  using albert = await loadModel(model);
  const matrix = await albert.embed(texts, options);
  return texts.map((_, row) => Array.from(matrix.row(row)));
}

const embeddings = (text: string): number[][] =>
  records(text).map(({ embedding }) => (embedding as number[]).map(Math.fround));

describe('embed', () => {
  it('writes a record a text to standard output', async () => {
    const { code, stdout, stderr } = await run(['embed', '--model', model, ...TEXTS.filter(Boolean)]);
    expect(code).toBe(0);
    expect(stderr).toContain('UNTRAINED');
    expect(Object.keys(records(stdout)[0])).toEqual(['index', 'embedding', 'tokenCount', 'windows', 'truncatedTokens']);
    expect(records(stdout).map(({ index, tokenCount, windows }) => [index, tokenCount, windows])).toEqual([
      [0, 6, 1],
      [1, 3, 1],
      [2, 3, 1],
      [3, 15, 1],
    ]);
    expect(embeddings(stdout)).toEqual(await expected(TEXTS.filter(Boolean)));
  });

  it('passes every option on', async () => {
    const { stdout } = await run([
      'embed',
      '-m',
      model,
      '--pooling',
      'max',
      '--layers',
      '-1,-2',
      '--layer-combination',
      'concat',
      '--normalize',
      '--dimensions',
      '16',
      TEXTS[0],
    ]);
    expect(embeddings(stdout)).toEqual(
      await expected([TEXTS[0]], {
        pooling: 'max',
        layers: [-1, -2],
        layerCombination: 'concat',
        normalize: true,
        dimensions: 16,
      }),
    );
    const { stdout: still } = await run(['embed', '-m', model, '--layers', 'static', TEXTS[0]]);
    expect(embeddings(still)).toEqual(await expected([TEXTS[0]], { layers: 'static' }));
  });

  it('reads files by extension, given as option or argument, and writes every format alike', async () => {
    const plain = await expected(TEXTS);
    for (const [source, output] of [
      [['texts.txt'], 'a.jsonl'],
      [['--input', 'texts.jsonl', '--text-field', 'body'], 'a.npy'],
      [['--input', 'texts.txt'], 'a.csv'],
      [['--input', 'texts.txt'], 'a.parquet'],
    ] as const) {
      const argv = source.map((part) => (part.includes('.') ? folder.path(part) : part));
      const { code, stderr, stdout } = await run([
        'embed',
        '-m',
        model,
        ...argv,
        '-o',
        folder.path(output),
        '--threads',
        '1',
        '--batch-tokens',
        '64',
      ]);
      expect([code, stdout]).toEqual([0, '']);
      expect(stderr).toContain('5 texts ->');
      expect(await readVectors(folder.path(output))).toEqual(plain);
      expect(readJson(folder.path(`${output}.meta.json`))).toMatchObject({
        rows: 5,
        complete: true,
        dimensions: 64,
        counts: { texts: 5, skippedRows: 0, truncatedTexts: 0 },
      });
    }
    const meta = readJson(folder.path('a.npy.meta.json'));
    expect(meta['fingerprint']).toMatch(
      /^model=\w{16};tokenizer=\w+;dtype=f32;layers=2;pooling=mean;long=window:128:0;norm=0;dim=64$/,
    );
    expect(meta['input']).toMatchObject({ name: folder.path('texts.jsonl'), field: 'body' });
  });

  async function readVectors(path: string): Promise<number[][]> {
    if (path.endsWith('.jsonl')) return embeddings(readFileSync(path, 'utf8'));
    if (path.endsWith('.npy')) {
      const { data, shape } = await readNpy(path);
      return Array.from({ length: shape[0] }, (_, row) =>
        Array.from((data as Float32Array).subarray(row * shape[1], (row + 1) * shape[1])),
      );
    }
    const rows: number[][] = [];
    for await (const { fields } of openRows(path)) {
      const values = path.endsWith('.csv')
        ? Object.entries(fields)
            .filter(([name]) => name.startsWith('embedding_'))
            .map(([, value]) => Number(value))
        : Array.from(fields['embedding'] as number[]);
      rows.push(values.map(Math.fround));
    }
    return rows;
  }

  it('gives tokens and words with their places in the text', async () => {
    const { stdout } = await run(['embed', '-m', model, '--pooling', 'tokens', 'cats ran']);
    const [record] = records(stdout) as unknown as {
      index: number;
      tokens: { token: string; id: number; start: number; end: number; embedding: number[] }[];
    }[];
    expect(Object.keys(record)).toEqual(['index', 'tokens']);
    expect(Object.keys(record.tokens[0])).toEqual(['token', 'id', 'start', 'end', 'embedding']);
    expect(record.tokens.map(({ token, start, end }) => [token, start, end])).toEqual([
      ['[CLS]', -1, -1],
      ['cat', 0, 3],
      ['##s', 3, 4],
      ['ran', 5, 8],
      ['[SEP]', -1, -1],
    ]);
    expect(record.tokens[0].embedding).toHaveLength(64);
    const { stdout: bare } = await run(['embed', '-m', model, '--pooling', 'tokens', '--no-special', 'cats ran']);
    expect((records(bare)[0]['tokens'] as { token: string }[]).map(({ token }) => token)).toEqual([
      'cat',
      '##s',
      'ran',
    ]);
    const { stdout: words } = await run(['embed', '-m', model, '--pooling', 'words', 'cats ran']);
    expect((records(words)[0]['tokens'] as object[]).map((word) => Object.keys(word))).toEqual([
      ['token', 'start', 'end', 'embedding'],
      ['token', 'start', 'end', 'embedding'],
    ]);
    expect((records(words)[0]['tokens'] as { token: string }[]).map(({ token }) => token)).toEqual(['cats', 'ran']);
  });

  it('quantises vectors with the ranges of the first texts, kept in the sidecar', async () => {
    const plain = await expected(TEXTS);
    await run(['embed', '-m', model, folder.path('texts.txt'), '-o', folder.path('q.npy'), '--quantize', 'int8']);
    const { quantization, dtype } = readJson(folder.path('q.npy.meta.json')) as {
      dtype: string;
      quantization: { min: number[]; step: number[] };
    };
    expect(dtype).toBe('int8');
    const { data, shape } = await readNpy(folder.path('q.npy'));
    expect(shape).toEqual([5, 64]);
    plain
      .flat()
      .forEach((value, i) =>
        expect(
          Math.abs((Number(data[i]) + 128) * quantization.step[i % 64] + quantization.min[i % 64] - value),
        ).toBeLessThanOrEqual(quantization.step[i % 64] * 0.501),
      );
    // Ranges of the first text alone have no width, so the others are clipped, and that is said.
    const { stderr } = await run([
      'embed',
      '-m',
      model,
      folder.path('texts.txt'),
      '-o',
      folder.path('q1.jsonl'),
      '--quantize',
      'int8',
      '--look-ahead',
      '1',
    ]);
    expect(stderr).toMatch(/note: \d+ numbers? outside the int8 ranges/);
    await run(['embed', '-m', model, folder.path('texts.txt'), '-o', folder.path('b.npy'), '--quantize', 'binary']);
    const bits = await readNpy(folder.path('b.npy'));
    expect([bits.shape, bits.dtype]).toEqual([[5, 8], 'uint8']);
    expect(Number(bits.data[0]) >> 7).toBe(plain[0][0] > 0 ? 1 : 0);
  });

  it('says what it does with long texts', async () => {
    const long = 'cat '.repeat(300);
    const { stdout } = await run(['embed', '-m', model, long, '--stride', '10']);
    expect(records(stdout)[0]).toMatchObject({ tokenCount: 300, windows: 3, truncatedTokens: 0 });
    const cut = await run(['embed', '-m', model, long, '--long-text', 'truncate']);
    expect(records(cut.stdout)[0]).toMatchObject({ tokenCount: 300, windows: 1, truncatedTokens: 174 });
    expect(cut.stderr).toContain('1 text cut, 174 tokens in all');
    const refused = await run(['embed', '-m', model, 'a cat', long, '--long-text', 'error']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('arguments, row 2: the text has 300 tokens, the model takes 126');
  });

  it('leaves bad rows out when told to, counts and lists them, and keeps row numbers', async () => {
    writeFileSync(
      folder.path('bad.jsonl'),
      `{"text":"a cat"}\n{"text":5}\nnot json\n{"text":"${'cat '.repeat(200)}"}\n{"text":"the dog"}\n`,
    );
    const stopped = await run(['embed', '-m', model, folder.path('bad.jsonl')]);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain(
      'row 2: field "text" must be a string, got number. Correct the row, or leave bad rows out with --on-error skip',
    );
    const output = folder.path('bad-out.jsonl');
    const { code, stderr } = await run([
      'embed',
      '-m',
      model,
      folder.path('bad.jsonl'),
      '-o',
      output,
      '--on-error',
      'skip',
      '--long-text',
      'error',
      '--row-numbers',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('3 rows left out');
    expect(records(readFileSync(output, 'utf8')).map(({ index, row }) => [index, row])).toEqual([
      [0, 1],
      [1, 5],
    ]);
    expect(readJson(`${output}.meta.json`)).toMatchObject({
      rows: 2,
      counts: { texts: 2, skippedRows: 3 },
      skipped: [{ row: 2 }, { row: 3 }, { row: 4, reason: expect.stringContaining('200 tokens') as string }],
    });
  });
});

describe('a file without the field', () => {
  it('is explained with the flags that help', async () => {
    writeFileSync(folder.path('plain.csv'), 'a cat,5.0\nthe dog,3.0\n');
    writeFileSync(folder.path('other.jsonl'), '{"a":"a cat","b":1}\n');
    const failing = async (...argv: string[]): Promise<string> => {
      const { code, stderr } = await run(['embed', '-m', model, ...argv]);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await failing(folder.path('plain.csv'), '--on-error', 'skip')).toMatch(
      /plain\.csv has no field "text"; the fields present are "a cat", "5.0"\. Name the one that holds the text with --text-field, and use --no-header if the file has no header line/,
    );
    expect(await failing(folder.path('plain.csv'), '--text-field', 'body')).toMatch(
      /plain\.csv, line 1: the header cannot be used: no field "body".*use --no-header and name them 0, 1, 2/,
    );
    expect(await failing(folder.path('other.jsonl'))).toMatch(
      /row 1: no field "text"; the fields present are "a", "b" \(name the one that holds the text with --text-field\)/,
    );
    expect(await failing('-i', folder.path('vocab.unknown'))).toMatch(/no file at|Name it with --format: txt/);
  });
});

describe('interrupting and resuming', () => {
  const MANY = Array.from({ length: 40 }, (_, i) => `the cat number ${i} ${'sat '.repeat(i % 5)}`.trim());

  /** Runs until the file system shows an output, then interrupts before it is done. */
  async function interrupted(output: string, extra: string[] = []): Promise<Awaited<ReturnType<typeof run>>> {
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (existsSync(metadataPath(partialPath(output))))
        controller.abort(new AlbertineError('interrupted', 'interrupted'));
    }, 1);
    try {
      return await run(['embed', '-m', model, folder.path('many.txt'), '-o', output, '--look-ahead', '2', ...extra], {
        signal: controller.signal,
      });
    } finally {
      clearInterval(timer);
    }
  }

  it.each(['r.jsonl', 'r.npy', 'r.csv'])(
    'leaves a valid partial %s, and --resume completes it to the same bytes',
    async (name) => {
      writeFileSync(folder.path('many.txt'), `${MANY.join('\n')}\n`);
      const whole = folder.path(`whole-${name}`);
      await run(['embed', '-m', model, folder.path('many.txt'), '-o', whole]);
      const output = folder.path(name);
      const first = await interrupted(output);
      expect(first.code).toBe(130);
      // Nothing is left where not even the first record was there yet.
      const { rows, complete } = (
        existsSync(partialPath(output)) ? readJson(metadataPath(partialPath(output))) : { rows: 0, complete: false }
      ) as { rows: number; complete: boolean };
      expect([complete, existsSync(output)]).toEqual([false, false]);
      expect(rows).toBeLessThan(40);
      const second = await run(['embed', '-m', model, folder.path('many.txt'), '-o', output, '--resume']);
      expect(second.code).toBe(0);
      if (rows > 0) expect(second.stderr).toContain(`after ${rows} that were there`);
      expect(readFileSync(output).equals(readFileSync(whole))).toBe(true);
      expect(readJson(`${output}.meta.json`)).toEqual(readJson(`${whole}.meta.json`));
    },
  );

  it('continues int8 vectors with the same ranges', async () => {
    const output = folder.path('resume-int8.jsonl');
    const argv = ['embed', '-m', model, folder.path('many.txt'), '-o', output, '--quantize', 'int8'];
    await run(argv);
    const [whole, meta] = [readFileSync(output, 'utf8'), readJson(`${output}.meta.json`)];
    writeFileSync(output, whole.slice(0, whole.length / 2));
    const { code, stderr } = await run([...argv, '--resume']);
    expect(code).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(whole);
    expect(readJson(`${output}.meta.json`)['quantization']).toEqual(meta['quantization']);
    // The file was cut behind the sidecar's back, as when a run is killed: the counts say what they leave out.
    const { uncountedTexts } = readJson(`${output}.meta.json`)['counts'] as { uncountedTexts: number };
    expect(uncountedTexts).toBeGreaterThan(0);
    expect(stderr).toContain(`without the first ${uncountedTexts} texts`);
  });

  it('refuses to continue with another model, other options or another input', async () => {
    const output = folder.path('refuse.jsonl');
    const argv = (...extra: string[]): string[] => ['embed', '-o', output, ...extra];
    await run(argv('-m', model, folder.path('many.txt')));
    const before = readFileSync(output, 'utf8');
    const other = await makeModel(folder, 'other', 2);
    for (const [extra, reason] of [
      [['-m', other, folder.path('many.txt')], 'fingerprint'],
      [['-m', model, folder.path('many.txt'), '--pooling', 'cls'], 'fingerprint'],
      [['-m', model, folder.path('texts.txt')], 'was made from'],
    ] as const) {
      const { code, stderr } = await run(argv(...extra, '--resume'));
      expect(code).toBe(1);
      expect(stderr).toContain(`cannot continue ${output}`);
      expect(stderr).toContain(reason);
    }
    expect(readFileSync(output, 'utf8')).toBe(before);
  });

  it('continues token records', async () => {
    const output = folder.path('resume-tokens.jsonl');
    const argv = ['embed', '-m', model, folder.path('many.txt'), '-o', output, '--pooling', 'tokens'];
    await run(argv);
    const whole = readFileSync(output, 'utf8');
    writeFileSync(output, whole.slice(0, -100));
    expect((await run([...argv, '--resume'])).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(whole);
  });
});
