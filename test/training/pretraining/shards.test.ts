import { readFileSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../../src/core/files-node.ts';
import { BlockBuilder, type Block, decodeBlock, encodeBlock } from '../../../src/training/pretraining/blocks.ts';
import { openSources } from '../../../src/training/pretraining/corpus.ts';
import {
  readDocuments,
  emptyReport,
  MAX_DOCUMENT_CHARACTERS,
  type CorpusSource,
} from '../../../src/training/pretraining/documents-node.ts';
import { readManifest } from '../../../src/training/pretraining/manifest.ts';
import { encodeDocument, SentenceSplitter } from '../../../src/training/pretraining/sentences.ts';
import { openShardFolder } from '../../../src/training/pretraining/shard-folder-node.ts';
import { buildShards, verifyShards } from '../../../src/training/pretraining/shards-node.ts';
import { buildToyShards, temporaryFolder, toyText, toyTokenizer, unigramTokenizer, VOCABULARY } from './fixtures.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function documentsOf(source: CorpusSource): Promise<string[][]> {
  const documents: string[][] = [];
  for await (const document of readDocuments(source)) documents.push(document);
  return documents;
}

describe('documents', () => {
  it('reads blank-line separated text, also gzipped and with Windows line ends; files end documents', async () => {
    const text = '\n\none\r\ntwo\r\n \r\nthree\n\n\nfour';
    writeFileSync(folder.path('a.txt'), text);
    writeFileSync(folder.path('b.txt.gz'), gzipSync('five\n\nsix\n'));
    expect(await documentsOf({ name: 'a', paths: [folder.path('a.txt'), folder.path('b.txt.gz')] })).toEqual([
      ['one', 'two'],
      ['three'],
      ['four'],
      ['five'],
      ['six'],
    ]);
  });

  it('reads a field of JSONL and Parquet; its lines are paragraphs', async () => {
    const rows = [
      { id: 1, body: 'one\ntwo\n\n' },
      { id: 2, body: 'three' },
    ];
    writeFileSync(folder.path('c.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const { openParquetWriter } = await import('../../../src/data/parquet-node.ts');
    const writer = await openParquetWriter(folder.path('d.parquet'));
    for (const row of rows) await writer.write(row);
    await writer.close();
    const paths = [folder.path('c.jsonl'), folder.path('d.parquet')];
    expect(await documentsOf({ name: 'c', paths, textField: 'body' })).toEqual([
      ['one', 'two'],
      ['three'],
      ['one', 'two'],
      ['three'],
    ]);
    await expect(documentsOf({ name: 'c', paths, textField: 'nothing' })).rejects.toThrow(/no field "nothing"/);
  });

  it('reports bad rows, with the file', async () => {
    writeFileSync(folder.path('e.jsonl'), '{"text":"one"}\n{"text":\n{"text":7}\n');
    const report = emptyReport();
    for await (const _ of readDocuments({ name: 'e', paths: [folder.path('e.jsonl')], onError: 'skip' }, report))
      void _;
    expect(report).toMatchObject({
      documents: 1,
      skippedRows: 2,
      issues: [{ path: folder.path('e.jsonl'), row: 2 }, { row: 3 }],
    });
  });

  it('divides a document that would not fit in memory, without losing any of it', async () => {
    const text = `${'word '.repeat(300_000)}\n${'字'.repeat(100)}`;
    writeFileSync(folder.path('f.txt'), text);
    const documents = await documentsOf({ name: 'f', paths: [folder.path('f.txt')] });
    expect(documents.length).toBeGreaterThan(1);
    expect(documents.every((paragraphs) => paragraphs.join('').length <= MAX_DOCUMENT_CHARACTERS)).toBe(true);
    expect(documents.flat().join('').replaceAll('\n', '')).toBe(text.replaceAll('\n', ''));
  });
});

describe('sentences', () => {
  const split = (text: string, locale: string): string[] => {
    let start = 0;
    return new SentenceSplitter(locale).ends(text).map((end) => {
      const sentence = text.slice(start, end).trim();
      start = end;
      return sentence;
    });
  };

  it('splits English but not after abbreviations, and Chinese', () => {
    expect(split('Dr. Smith met Mr. J. Lee, i.e. a friend. It rained! "Did it?" She said so.  Fine. ', 'en')).toEqual([
      'Dr. Smith met Mr. J. Lee, i.e. a friend.',
      'It rained!',
      '"Did it?"',
      'She said so.',
      'Fine.',
    ]);
    expect(split('今天下雨。“你好吗？”他说……好！完', 'zh').length).toBeGreaterThanOrEqual(3);
    expect(split('一。二！三？', 'zh')).toEqual(['一。', '二！', '三？']);
  });

  it('segments joined are the paragraph encoded as one text', async () => {
    const unigram = await unigramTokenizer();
    const splitter = new SentenceSplitter();
    const text = fc
      .array(
        fc.constantFrom(
          'the cat sat',
          'hello',
          '今天天气很好',
          '我们',
          '.',
          '。',
          '! ',
          '？',
          ' ',
          ' " ',
          '1,000',
          'é',
          '\u3000',
          '  x',
        ),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (paragraphs) => {
        const { ids, segmentEnds } = encodeDocument(unigram, paragraphs, splitter);
        expect(ids).toEqual(paragraphs.flatMap((paragraph) => [...unigram.encodeIds(paragraph)]));
        expect(segmentEnds.at(-1) ?? 0).toBe(ids.length);
        segmentEnds.forEach((end, i) => expect(end).toBeGreaterThan(i === 0 ? 0 : segmentEnds[i - 1]));
      }),
    );
  });
});

describe('blocks', () => {
  it('keep every token, segment and document, within the limit', () => {
    const document = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(document, { maxLength: 12 }),
        fc.integer({ min: 8, max: 60 }),
        fc.constantFrom(1000, 70_000),
        (documents, blockTokens, vocabSize) => {
          const blocks: Block[] = [];
          const builder = new BlockBuilder({
            blockTokens,
            vocabSize,
            emit: (block) => blocks.push(decodeBlock(encodeBlock(block), vocabSize, 'test')),
          });
          let next = 0;
          const tokenAt = (i: number): number => (i * 7919) % vocabSize;
          documents.forEach((lengths, number) => {
            let end = 0;
            const segmentEnds = lengths.map((length) => (end += length));
            builder.add({ ids: Array.from({ length: end }, () => tokenAt(next++)), segmentEnds }, number);
          });
          builder.flush();
          expect(blocks.flatMap(({ tokens }) => [...tokens])).toEqual(
            Array.from({ length: next }, (_, i) => tokenAt(i)),
          );
          expect(blocks.every(({ tokens }) => tokens.length <= blockTokens)).toBe(true);
          // Each document's tokens come under its number, its segment ends are still ends.
          const totals = new Map<number, number>();
          for (const { firstDocument, segmentEnds, documentEnds } of blocks) {
            documentEnds.forEach((last, i) => {
              const start = i === 0 ? 0 : segmentEnds[documentEnds[i - 1] - 1];
              totals.set(firstDocument + i, (totals.get(firstDocument + i) ?? 0) + segmentEnds[last - 1] - start);
            });
          }
          expect([...totals]).toEqual(documents.map((lengths, number) => [number, lengths.reduce((a, b) => a + b, 0)]));
        },
      ),
    );
  });

  it('are refused when damaged', () => {
    const bytes = encodeBlock({
      firstDocument: 0,
      tokens: Uint16Array.of(1, 2, 3),
      segmentEnds: Uint16Array.of(2, 3),
      documentEnds: Uint16Array.of(2),
    });
    expect(() => decodeBlock(bytes.subarray(0, 20), 10, 'x')).toThrow(/x is damaged: 20 bytes/);
    expect(() => decodeBlock(bytes, 3, 'x')).toThrow(/token id 3 of a vocabulary of 3/);
  });
});

describe('shards', () => {
  const texts = { one: { text: toyText(120, 1) }, two: { text: toyText(40, 2), weight: 0.5 } };
  const contents = (path: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(path)
        .filter((name) => name.endsWith('.tokens') || name === 'manifest.json')
        .map((name) => [name, readFileSync(`${path}/${name}`).toString('base64')]),
    );
  let sources: CorpusSource[];
  let reference: Record<string, string>;

  beforeAll(async () => {
    await buildToyShards(folder, texts);
    sources = Object.keys(texts).map((name) => ({
      name,
      paths: [folder.path(`${name}.txt`)],
      locale: 'en',
      ...(name === 'two' && { weight: 0.5 }),
    }));
    reference = contents(folder.path('shards'));
  });

  const build = (output: string, options = {}): ReturnType<typeof buildShards> =>
    buildShards(sources, folder.path('.'), {
      output: folder.path(output),
      workers: 0,
      shardTokens: 2000,
      blockTokens: 128,
      ...options,
    });

  it('hold the text: tokens, documents and sentences of the corpus', async () => {
    const tokenizer = toyTokenizer();
    const files = await openFolder(folder.path('shards'));
    const manifest = await verifyShards(files);
    const [one] = await openSources([files], tokenizer);
    const tokens: number[] = [];
    for (let block = 0; block < one.blocks; block++) tokens.push(...(await one.read(block)).tokens);
    expect(tokens).toEqual(texts.one.text.split('\n').flatMap((line) => [...tokenizer.encodeIds(line)]));
    expect(manifest.sources[0]).toMatchObject({
      name: 'one',
      documents: 120,
      tokens: tokens.length,
      segments: texts.one.text.split('.').length - 1,
      emptyDocuments: 0,
    });
    expect(manifest.sources[0].shards.length).toBeGreaterThan(2);
    expect(manifest.sources[0].shards.slice(0, -1).every((shard) => shard.tokens >= 2000 && shard.tokens < 2400)).toBe(
      true,
    );
    expect(manifest.sources[1].weight).toBe(0.5);
    expect(manifest.tokenizer).toEqual({ fingerprint: tokenizer.fingerprint, vocabSize: VOCABULARY.length });
  });

  it('are the same bytes whatever the number of threads', async () => {
    await build('threads', { workers: 2 });
    expect(contents(folder.path('threads'))).toEqual(reference);
  });

  it('are kept when whole, and made again when torn, missing or of other inputs', async () => {
    await build('resumed');
    const damage = folder.path('resumed', 'one-00001.tokens');
    truncateSync(damage, 1000);
    rmSync(folder.path('resumed', 'one-00002.tokens'));
    rmSync(folder.path('resumed', 'manifest.json'));
    const report = await build('resumed');
    expect(contents(folder.path('resumed'))).toEqual(reference);
    expect(report.builtShards).toBe(2);
    expect(report.keptShards).toBe(Object.keys(reference).length - 1 - 2);
    expect((await build('resumed', { blockTokens: 64 })).keptShards).toBe(0);
    expect((await build('resumed')).keptShards).toBe(0);
    utimesSync(folder.path('two.txt'), 1, 1);
    expect((await build('resumed')).builtShards).toBe(1 + Number(reference['two-00001.tokens'] !== undefined));
  });

  it('go on after an interruption', async () => {
    const controller = new AbortController();
    const stopping = build('stopped', { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(stopping).rejects.toMatchObject({ code: 'interrupted' });
    await build('stopped');
    expect(contents(folder.path('stopped'))).toEqual(reference);
  });

  it('are read over HTTP, by ranges or whole', async () => {
    const serve = (ranges: boolean): Promise<Server> =>
      new Promise((resolve) => {
        let requests = 0;
        const server = createServer((request, response) => {
          // Every fifth request fails, as servers do.
          if (++requests % 5 === 0) return void response.writeHead(503).end();
          let content: Buffer;
          try {
            content = readFileSync(folder.path('shards', request.url!.slice(1)));
          } catch {
            return void response.writeHead(404).end();
          }
          const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
          if (!ranges || !range) return void response.writeHead(200).end(content);
          response.writeHead(206).end(content.subarray(Number(range[1]), range[2] ? Number(range[2]) + 1 : undefined));
        }).listen(0, '127.0.0.1', () => resolve(server));
      });
    const read = async (location: string): Promise<number[]> => {
      const [, two] = await openSources([await openShardFolder(location)], toyTokenizer());
      const tokens: number[] = [];
      for (let block = 0; block < two.blocks; block++) tokens.push(...(await two.read(block)).tokens);
      return tokens;
    };
    const expected = await read(folder.path('shards'));
    for (const ranges of [true, false]) {
      const server = await serve(ranges);
      const location = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      expect(await read(location)).toEqual(expected);
      await expect((await openShardFolder(location)).read('nothing')).rejects.toMatchObject({ code: 'file_not_found' });
      server.close();
    }
  }, 30_000);

  it('are refused when changed, or of another tokeniser or format', async () => {
    await build('changed');
    const files = await openFolder(folder.path('changed'));
    const path = folder.path('changed', 'one-00000.tokens');
    const content = readFileSync(path);
    content[content.length - 40] ^= 1;
    writeFileSync(path, content);
    await expect(verifyShards(files)).rejects.toMatchObject({ code: 'checksum_mismatch' });
    writeFileSync(path, content.subarray(0, 20));
    const [one] = await openSources([files], toyTokenizer());
    await expect(one.read(0)).rejects.toThrow(/does not fit its manifest: it is too short/);
    await expect(openSources([files], { fingerprint: 'other', vocabSize: 10 })).rejects.toThrow(/made with tokeniser/);
    writeFileSync(folder.path('changed', 'manifest.json'), '{"format":"albertine-token-shards","version":9}');
    await expect(readManifest(files)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('are not built from wrong options', async () => {
    await expect(build('wrong', { blockTokens: 100_000 })).rejects.toThrow(/blockTokens must be an integer/);
    await expect(
      buildShards([{ name: 'a b', paths: ['x'] }], folder.path('.'), { output: folder.path('wrong') }),
    ).rejects.toThrow(/the name of a source/);
    await expect(
      buildShards([...sources, sources[0]], folder.path('.'), { output: folder.path('wrong') }),
    ).rejects.toThrow(/two sources are called one/);
    await expect(
      buildShards([{ name: 'a', paths: [folder.path('absent.txt')] }], folder.path('.'), {
        output: folder.path('wrong'),
      }),
    ).rejects.toMatchObject({ code: 'file_not_found' });
  });
});
