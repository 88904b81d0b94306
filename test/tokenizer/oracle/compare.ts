/**
 * Compares the tokenisers with other implementations over a corpus and lists every kind of difference. Run by hand:
 * `npx tsx test/tokenizer/oracle/compare.ts [folder of data, default ../shared/data] [lines a file, default 3000]`.
 * Needs `spm_encode`, `spm_export_vocab` and Python 3; `tokenizers` is a development dependency.
 */
import { readFileSync } from 'node:fs';
import { Tokenizer as RustTokenizer } from 'tokenizers';
import {
  createUnigramTokenizer,
  createWordPieceTokenizer,
  parseSentencePieceModel,
  parseTokenizerJson,
  parseVocabulary,
  type Tokenizer,
} from '../../../src/tokenizer/index.ts';
import { type Corpus, generatedLines, realLines } from './corpus.ts';
import { albertTokenizerJson, bertTokenizerJson } from './hf-json.ts';
import { type Mismatch, mismatches, runOracle, withoutTies } from './oracles.ts';

const data = process.argv[2] ?? '../shared/data';
const limit = Number(process.argv[3] ?? 3000);
const corpora: Corpus = { ...realLines(data, limit), ...generatedLines(Math.ceil(limit / 3)) };
console.log(
  Object.entries(corpora)
    .map(([name, lines]) => `${name} ${lines.length}`)
    .join(', '),
);

/** Scores of the model under comparison, to recognise segmentations that are equally good but for rounding. */
let scores: number[] | undefined;

function report(name: string, tokenizer: Tokenizer, all: Mismatch[], total: number): void {
  const found = scores ? withoutTies(all, scores) : all;
  if (all.length > found.length)
    console.log(`\n${name}: ${all.length - found.length} lines differ by a tie in the score`);
  const counts = new Map<string, number>();
  for (const { corpus } of found) counts.set(corpus, (counts.get(corpus) ?? 0) + 1);
  console.log(
    `\n${name}: ${found.length} of ${total} lines differ${[...counts].map(([corpus, count]) => `; ${corpus} ${count}`).join('')}`,
  );
  for (const { corpus, line, expected, actual } of sample(found)) {
    let from = 0;
    while (from < expected.length && expected[from] === actual[from]) from++;
    let tail = 0;
    while (tail < Math.min(expected.length, actual.length) - from && expected.at(-1 - tail) === actual.at(-1 - tail))
      tail++;
    const show = (ids: number[]): string =>
      ids
        .slice(from, ids.length - tail)
        .map((id) => tokenizer.idToToken(id))
        .join(' ')
        .slice(0, 100);
    console.log(
      `  [${corpus}] ${JSON.stringify(line).slice(0, 120)}\n    expected ${show(expected)}\n    actual   ${show(actual)}`,
    );
  }
}

function sample(found: Mismatch[]): Mismatch[] {
  const perCorpus = new Map<string, number>();
  return found.filter(({ corpus }) => {
    perCorpus.set(corpus, (perCorpus.get(corpus) ?? 0) + 1);
    return perCorpus.get(corpus)! <= 3;
  });
}

function compareScript(name: string, script: string, args: string[], tokenizer: Tokenizer): void {
  const found: Mismatch[] = [];
  let total = 0;
  for (const [corpus, lines] of Object.entries(corpora)) {
    found.push(...mismatches(corpus, lines, runOracle(script, args, lines), (line) => tokenizer.encodeIds(line)));
    total += lines.length;
  }
  report(name, tokenizer, found, total);
}

async function compareRust(name: string, json: object, tokenizer: Tokenizer): Promise<void> {
  const rust = RustTokenizer.fromString(JSON.stringify(json));
  const found: Mismatch[] = [];
  const offsets: Mismatch[] = [];
  let total = 0;
  for (const [corpus, lines] of Object.entries(corpora)) {
    const encodings = await rust.encodeBatch(lines, { addSpecialTokens: false });
    const different = mismatches(
      corpus,
      lines,
      encodings.map((encoding) => encoding.getIds()),
      (line) => tokenizer.encodeIds(line),
    );
    found.push(...different);
    const skip = new Set(different.map(({ line }) => line));
    lines.forEach((line, i) => {
      if (skip.has(line)) return;
      const units = codePointStarts(line);
      const expected = encodings[i].getOffsets().flatMap(([start, end]) => [units[start], units[end]]);
      const actual = tokenizer.encode(line, { addSpecialTokens: false }).offsets.flat();
      if (expected.join() !== actual.join()) offsets.push({ corpus, line, expected, actual });
    });
    total += lines.length;
  }
  report(name, tokenizer, found, total);
  console.log(`  offsets differ on ${offsets.length} of the others`);
  for (const { corpus, line, expected, actual } of sample(offsets).slice(0, 12)) {
    const at = Math.floor(expected.findIndex((value, i) => value !== actual[i]) / 2) * 2;
    console.log(
      `  [${corpus}] ${JSON.stringify(line).slice(0, 100)}: token ${at / 2}, expected ${expected.slice(at, at + 2)}, actual ${actual.slice(at, at + 2)}`,
    );
  }
}

function codePointStarts(text: string): number[] {
  const starts: number[] = [];
  let position = 0;
  for (const character of text) {
    starts.push(position);
    position += character.length;
  }
  return [...starts, position];
}

const model = (name: string): string => `${data}/${name}`;
const spieceModel = parseSentencePieceModel(readFileSync(model('albert-en-spiece/spiece.model')));
scores = spieceModel.pieces.map(({ score }) => score);
const plainText = { parseSpecialTokens: false };
compareScript(
  'ALBERT original (Python preparation + spm_encode + digit rule)',
  'albert_oracle.py',
  [model('albert-en-spiece/spiece.model')],
  createUnigramTokenizer(spieceModel, plainText),
);
compareScript(
  'ALBERT original, cased, accents kept',
  'albert_oracle.py',
  [model('albert-en-spiece/spiece.model'), '--cased', '--accents'],
  createUnigramTokenizer(spieceModel, { ...plainText, lowerCase: false, keepAccents: true }),
);
for (const name of [
  'albert-en-spiece/spiece',
  'sentencepiece-test/fast_sentencepiece',
  'sentencepiece-test/test_ja_model',
  'sentencepiece-test/test_model',
]) {
  const parsed = parseSentencePieceModel(readFileSync(model(`${name}.model`)));
  scores = parsed.pieces.map(({ score }) => score);
  compareScript(
    `spm_encode on ${name}.model`,
    'albert_oracle.py',
    [model(`${name}.model`), '--plain'],
    createUnigramTokenizer(parsed, { ...plainText, preparation: 'none' }),
  );
}
scores = undefined;
for (const name of ['albert-zh-vocab', 'bert-uncased-vocab']) {
  const vocabulary = parseVocabulary(readFileSync(model(`${name}/vocab.txt`), 'utf8'));
  compareScript(
    `BERT original (Python) on ${name}`,
    'bert_oracle.py',
    [model(`${name}/vocab.txt`)],
    createWordPieceTokenizer(vocabulary, plainText),
  );
  const json = bertTokenizerJson(vocabulary);
  await compareRust(`tokenizers on ${name}`, json, parseTokenizerJson(json, plainText));
}
scores = spieceModel.pieces.map(({ score }) => score);
const albertJson = albertTokenizerJson(spieceModel);
await compareRust(
  'tokenizers on spiece.model converted as HF does',
  albertJson,
  parseTokenizerJson(albertJson, plainText),
);
