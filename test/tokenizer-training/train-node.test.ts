import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Tokenizer as HfTokenizer } from 'tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../src/core/files-node.ts';
import { loadTokenizer } from '../../src/tokenizer/load.ts';
import { parseSentencePieceModel, writeSentencePieceModel } from '../../src/tokenizer/sentencepiece-model.ts';
import { findTextSources, readLines } from '../../src/tokenizer/training/text-lines-node.ts';
import { forEachSampledLine } from '../../src/tokenizer/training/count-words-node.ts';
import { createTrainingNormalizer } from '../../src/tokenizer/training/normalization.ts';
import { trainVocabularyFromFiles } from '../../src/tokenizer/training/train-node.ts';
import { toyLines } from './toy-text.ts';

let folder: string;
const lines = toyLines(600);
const inFolder = (...names: string[]) => join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vocabulary-'));
  execFileSync('mkdir', ['-p', inFolder('corpus', 'deep')]);
  writeFileSync(inFolder('corpus', 'a.txt'), lines.slice(0, 300).join('\r\n\r\n'));
  writeFileSync(inFolder('corpus', 'b.txt.gz'), gzipSync(`\ufeff${lines.slice(300, 450).join('\n')}\n`));
  writeFileSync(
    inFolder('corpus', 'deep', 'c.jsonl'),
    lines
      .slice(450)
      .map((text, id) => JSON.stringify({ id, text }))
      .join('\n'),
  );
  writeFileSync(inFolder('corpus', 'ignored.bin'), 'x');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function linesOf(path: string, options = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of readLines(path, options)) found.push(...batch);
  return found;
}

describe('reading', () => {
  it('finds and reads text, gzip and JSONL', async () => {
    const sources = await findTextSources([inFolder('corpus')]);
    const read = await Promise.all(sources.map(({ path }) => linesOf(path)));
    expect(read.map((part) => part.length)).toEqual([300, 150, 150]);
    expect(read.flat()).toEqual(lines);
  });

  it('gives a huge line in parts without losing any of it', async () => {
    const text = '汉字😀'.repeat(100_000);
    writeFileSync(inFolder('long.txt'), `${text}\nshort`);
    const parts = await linesOf(inFolder('long.txt'), { maxLineLength: 1001 });
    expect(parts.pop()).toBe('short');
    expect(parts.join('')).toBe(text);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(200_000);
  });

  it('names the place of what it cannot read', async () => {
    writeFileSync(inFolder('bad.jsonl'), '{"text":"a"}\n{"title":"b"}\n');
    writeFileSync(inFolder('bad.txt.gz'), 'not gzip');
    await expect(linesOf(inFolder('bad.jsonl'))).rejects.toThrow(/bad.jsonl, row 2 has no string in field text/);
    await expect(linesOf(inFolder('bad.txt.gz'))).rejects.toMatchObject({ code: 'invalid_file' });
    await expect(findTextSources([inFolder('nowhere')])).rejects.toMatchObject({ code: 'file_not_found' });
    await expect(findTextSources([{ path: inFolder('bad.jsonl'), weight: 0 }])).rejects.toThrow(/weight/);
  });
});

describe('sampling', () => {
  const sample = async (inputSentenceSize: number, seed: number) => {
    const sources = await findTextSources([inFolder('corpus')]);
    const chosen: string[] = [];
    const report = await forEachSampledLine(sources, { inputSentenceSize, seed }, (line) => chosen.push(line));
    return { chosen, report };
  };

  it('draws exactly the wanted number, by seed, from all files', async () => {
    const { chosen, report } = await sample(100, 5);
    expect(chosen).toHaveLength(100);
    expect(report).toMatchObject({ lines: 600, usedLines: 100 });
    expect(report.sources.every(({ usedLines }) => usedLines > 5)).toBe(true);
    expect((await sample(100, 5)).chosen).toEqual(chosen);
    expect((await sample(100, 6)).chosen).not.toEqual(chosen);
    expect((await sample(10_000, 5)).chosen).toEqual(lines);
  });
});

describe('trainVocabularyFromFiles', () => {
  it('writes a vocabulary that loads, with a report', async () => {
    const report = await trainVocabularyFromFiles([inFolder('corpus')], {
      outputDirectory: inFolder('unigram'),
      vocabSize: 220,
    });
    expect(readdirSync(inFolder('unigram')).sort()).toEqual([
      'spiece.model',
      'tokenizer.json',
      'tokenizer_config.json',
      'training-report.json',
    ]);
    expect(JSON.parse(readFileSync(inFolder('unigram', 'training-report.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(report)),
    );
    expect(report).toMatchObject({ algorithm: 'unigram', vocabSize: 220, sample: { lines: 600, damagedLines: 0 } });
    const tokenizer = await loadTokenizer(await openFolder(inFolder('unigram')));
    expect(tokenizer.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    expect(tokenizer.decode(tokenizer.encodeIds(lines[0]))).toBe(lines[0]);
  });

  it('writes a tokenizer.json with which HF tokenizers gives the same ids', async () => {
    const ours = await loadTokenizer(await openFolder(inFolder('unigram')));
    const theirs = HfTokenizer.fromString(readFileSync(inFolder('unigram', 'tokenizer.json'), 'utf8'));
    for (const line of [...lines.slice(0, 200), "Ünïcode \u200b ``x''  1,000, ok", '[MASK] 中国']) {
      expect([...ours.encode(line).ids]).toEqual((await theirs.encode(line)).getIds());
    }
  });

  it("learns no piece that ALBERT's tokeniser would split again", () => {
    const { pieces } = parseSentencePieceModel(readFileSync(inFolder('unigram', 'spiece.model')));
    expect(pieces.filter(({ piece }) => /\d,$/.test(piece))).toEqual([]);
  });

  it('refuses a symbol that no prepared text has, before it reads', async () => {
    const train = (more: object): Promise<unknown> =>
      trainVocabularyFromFiles([inFolder('nothing')], {
        outputDirectory: inFolder('symbols'),
        userDefinedSymbols: ['[URL]'],
        ...more,
      });
    await expect(train({})).rejects.toThrow(
      'userDefinedSymbols must be written as text is after its preparation, where [URL] is [url]',
    );
    await expect(train({ normalization: { lowerCase: false } })).rejects.toThrow(/no file or folder/);
    await expect(train({ userDefinedSymbols: ['[url]'] })).rejects.toThrow(/no file or folder/);
  });

  it('writes a vocab.txt', async () => {
    const report = await trainVocabularyFromFiles([inFolder('corpus')], {
      algorithm: 'wordpiece',
      outputDirectory: inFolder('wordpiece'),
      vocabSize: 250,
    });
    expect(readdirSync(inFolder('wordpiece')).sort()).toEqual([
      'tokenizer_config.json',
      'training-report.json',
      'vocab.txt',
    ]);
    expect(report.vocabSize).toBe(250);
    const tokenizer = await loadTokenizer(await openFolder(inFolder('wordpiece')));
    expect(tokenizer.kind).toBe('wordpiece');
    expect([...tokenizer.encodeIds(lines[1])]).not.toContain(tokenizer.special.unk);
  });

  it('continues an interrupted run to the same files, and refuses other options', async () => {
    const options = {
      vocabSize: 120,
      outputDirectory: inFolder('resumed'),
      normalization: { charsmap: 'identity' as const },
      characterCoverage: 0.98,
    };
    await trainVocabularyFromFiles([inFolder('corpus')], { ...options, outputDirectory: inFolder('whole') });
    const controller = new AbortController();
    let iterations = 0;
    const interrupted = trainVocabularyFromFiles([inFolder('corpus')], {
      ...options,
      signal: controller.signal,
      onProgress: (event) => {
        if (event.stage === 'training vocabulary' && ++iterations === 3) controller.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' });
    expect(readdirSync(inFolder('resumed', '.training')).sort()).toEqual(['counts.json', 'round.json', 'words.tsv.gz']);
    await expect(
      trainVocabularyFromFiles([inFolder('corpus')], { ...options, vocabSize: 121, resume: true }),
    ).rejects.toThrow(/files or options have changed/);
    const stages = new Set<string>();
    await trainVocabularyFromFiles([inFolder('corpus')], {
      ...options,
      resume: true,
      onProgress: ({ stage }) => stages.add(stage),
    });
    expect([...stages]).toEqual(['training vocabulary']);
    for (const name of ['spiece.model', 'tokenizer.json'])
      expect(readFileSync(inFolder('resumed', name))).toEqual(readFileSync(inFolder('whole', name)));
    expect(existsSync(inFolder('resumed', '.training'))).toBe(false);
  });

  it('lets a source count more by its weight', async () => {
    writeFileSync(inFolder('x.txt'), 'xylophone '.repeat(20));
    writeFileSync(inFolder('y.txt'), 'yesterday '.repeat(20));
    const scoreOf = async (weight: number) => {
      await trainVocabularyFromFiles([{ path: inFolder('x.txt'), weight }, inFolder('y.txt')], {
        outputDirectory: inFolder('weighted'),
        vocabSize: 40,
        hardVocabLimit: false,
        characterCoverage: 1,
      });
      const { pieces } = parseSentencePieceModel(readFileSync(inFolder('weighted', 'spiece.model')));
      return (name: string) => pieces.find(({ piece }) => piece === name)!.score;
    };
    const equal = await scoreOf(1);
    const heavier = await scoreOf(3);
    expect(equal('▁xylophone')).toBeCloseTo(equal('▁yesterday'), 3);
    expect(Math.exp(heavier('▁xylophone') - heavier('▁yesterday'))).toBeCloseTo(3, 0);
  });
});

const hasSpmEncode = spawnSync('spm_encode', ['--version']).error === undefined;

// Skipped where Google's command-line tools (Debian package `sentencepiece`) are not installed.
describe.skipIf(!hasSpmEncode)("Google's spm_encode", () => {
  it.each(['clean', 'identity'] as const)('reads the model and gives the same ids (charsmap %s)', async (charsmap) => {
    const out = inFolder(`google-${charsmap}`);
    const normalization = { charsmap };
    await trainVocabularyFromFiles([inFolder('corpus')], {
      outputDirectory: out,
      vocabSize: 300,
      normalization,
      hardVocabLimit: false,
    });
    const texts = [
      ...lines,
      'zero\u200bwidth and \u00adsoft',
      '  two  spaces ',
      '𠮷 😀 unknown 龘 龘龘 end',
      'tab\there',
      '',
      '１２３ ，。',
    ];
    // The command reads a line a text, so only what a line can hold is compared.
    const prepared = texts.map((text) =>
      createTrainingNormalizer({ charsmap: 'identity' }).normalize(text).replaceAll('▁', ' ').trim(),
    );
    const output = execFileSync('spm_encode', [`--model=${join(out, 'spiece.model')}`, '--output_format=id'], {
      input: `${prepared.join('\n')}\n`,
      encoding: 'utf8',
    });
    const theirs = output
      .split('\n')
      .slice(0, -1)
      .map((line) => (line === '' ? [] : line.split(' ').map(Number)));
    const ours = await loadTokenizer(await openFolder(out), { parseSpecialTokens: false });
    expect(prepared.map((text) => [...ours.encodeIds(text)])).toEqual(theirs);
  });

  it('accepts byte fallback, user-defined symbols and single Han characters', async () => {
    const out = inFolder('google-bytes');
    await trainVocabularyFromFiles([inFolder('corpus')], {
      outputDirectory: out,
      vocabSize: 600,
      byteFallback: true,
      userDefinedSymbols: ['<user>'],
      splitHan: true,
      hardVocabLimit: false,
      characterCoverage: 0.99,
    });
    const bytes = readFileSync(join(out, 'spiece.model'));
    const model = parseSentencePieceModel(bytes);
    expect(Buffer.from(writeSentencePieceModel(model))).toEqual(bytes);
    const han = model.pieces.filter(({ piece }) => /\p{Script=Han}/u.test(piece));
    expect(han.length).toBeGreaterThan(10);
    expect(han.every(({ piece }) => [...piece].length === 1)).toBe(true);
    const texts = ['hi <user> 龘 ok', 'a<user>b', ...lines.slice(0, 50)].map((text) =>
      text.toLowerCase().normalize('NFKD'),
    );
    const output = execFileSync('spm_encode', [`--model=${join(out, 'spiece.model')}`, '--output_format=id'], {
      input: `${texts.join('\n')}\n`,
      encoding: 'utf8',
    });
    const ours = await loadTokenizer(await openFolder(out), { parseSpecialTokens: false });
    expect(texts.map((text) => [...ours.encodeIds(text)].join(' '))).toEqual(output.split('\n').slice(0, -1));
    // The same through tokenizer.json, also where the symbol is in upper case before the preparation.
    const theirs = HfTokenizer.fromString(readFileSync(join(out, 'tokenizer.json'), 'utf8'));
    for (const text of [...texts, 'see <USER> now', 'A<User>b'])
      expect((await theirs.encode(text, undefined, { addSpecialTokens: false })).getIds()).toEqual([
        ...ours.encodeIds(text),
      ]);
  });
});
