/**
 * Tokeniser speed beside HF's `tokenizers` (Rust) and `@huggingface/tokenizers` (JavaScript): the same lines, one
 * thread, rounds interleaved. Run:
 * `npx tsx bench/tokenizer/bench.ts [folder of data, default ../shared/data] [rounds, default 5]`. The table gives the
 * best of the rounds in MB of UTF-8 a second (the median in parentheses), and the ratio to the Rust binding.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Tokenizer as JsTokenizer } from '@huggingface/tokenizers';
import { Tokenizer as RustTokenizer } from 'tokenizers';
import {
  createUnigramTokenizer,
  createWordPieceTokenizer,
  parseSentencePieceModel,
  parseVocabulary,
  type Tokenizer,
} from '../../src/tokenizer/index.ts';
import { realLines } from '../../test/tokenizer/oracle/corpus.ts';
import { albertTokenizerJson, bertTokenizerJson } from '../../test/tokenizer/oracle/hf-json.ts';

// Rayon reads this when the Rust binding first works.
process.env.TOKENIZERS_PARALLELISM = 'false';
process.env.RAYON_NUM_THREADS = '1';
const data = process.argv[2] ?? '../shared/data';
const rounds = Number(process.argv[3] ?? 5);
const corpora = realLines(data, 3000);

interface Contender {
  name: string;
  encode: (lines: string[]) => Promise<number> | number;
}

function ours(create: () => Tokenizer): Contender[] {
  const tokenizer = create();
  const count = (lines: string[], encode: (line: string) => number): number =>
    lines.reduce((sum, line) => sum + encode(line), 0);
  return [
    { name: 'albertine encodeIds', encode: (lines) => count(lines, (line) => tokenizer.encodeIds(line).length) },
    {
      name: 'albertine encodeIds, cold cache',
      encode: (lines) => {
        const fresh = create();
        return timed(() => count(lines, (line) => fresh.encodeIds(line).length));
      },
    },
    {
      name: 'albertine encode (offsets, words)',
      encode: (lines) => count(lines, (line) => tokenizer.encode(line, { addSpecialTokens: false }).ids.length),
    },
  ];
}

/** Seconds measured by the contender itself, when setting up must not count. */
let ownSeconds: number | undefined;
function timed(work: () => number): number {
  const start = performance.now();
  const result = work();
  ownSeconds = (performance.now() - start) / 1000;
  return result;
}

function peers(json: object): Contender[] {
  const rust = RustTokenizer.fromString(JSON.stringify(json));
  const js = new JsTokenizer(json, {});
  const encodeRust = async (lines: string[]): Promise<number> => {
    let tokens = 0;
    for (let i = 0; i < lines.length; i += 256) {
      for (const encoding of await rust.encodeBatch(lines.slice(i, i + 256), { addSpecialTokens: false }))
        tokens += encoding.getLength();
    }
    return tokens;
  };
  return [
    { name: 'tokenizers (Rust), encodeBatch', encode: encodeRust },
    {
      name: '@huggingface/tokenizers (JS)',
      encode: (lines) =>
        lines.reduce((sum, line) => sum + js.encode(line, { add_special_tokens: false }).ids.length, 0),
    },
  ];
}

async function compare(title: string, lines: string[], contenders: Contender[]): Promise<void> {
  const megabytes = new TextEncoder().encode(lines.join('\n')).length / 1e6;
  const rates = contenders.map((): number[] => []);
  const tokens = contenders.map(() => 0);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { encode }] of contenders.entries()) {
      ownSeconds = undefined;
      const start = performance.now();
      tokens[i] = await encode(lines);
      const seconds = ownSeconds ?? (performance.now() - start) / 1000;
      if (round > 0) rates[i].push(megabytes / seconds); // the first round warms up
    }
  }
  const best = rates.map((list) => Math.max(...list));
  const reference = best[contenders.findIndex(({ name }) => name.includes('Rust'))];
  console.log(`\n${title}: ${lines.length} lines, ${megabytes.toFixed(2)} MB`);
  console.log('| tokeniser | MB/s best (median) | x Rust | tokens |\n|---|---|---|---|');
  contenders.forEach(({ name }, i) => {
    const median = [...rates[i]].sort((a, b) => a - b)[Math.floor(rates[i].length / 2)];
    console.log(
      `| ${name} | ${best[i].toFixed(2)} (${median.toFixed(2)}) | ${(best[i] / reference).toFixed(2)} | ${tokens[i]} |`,
    );
  });
}

console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${rounds} interleaved rounds, one thread`,
);
const model = parseSentencePieceModel(readFileSync(`${data}/albert-en-spiece/spiece.model`));
const unigram = [...ours(() => createUnigramTokenizer(model)), ...peers(albertTokenizerJson(model))];
await compare('ALBERT English (Unigram), English lines', corpora.english, unigram);
await compare('ALBERT English (Unigram), German lines', corpora.german, unigram);
await compare('ALBERT English (Unigram), Chinese lines (nearly all unknown)', corpora.chinese, unigram);
const vocabulary = parseVocabulary(readFileSync(`${data}/albert-zh-vocab/vocab.txt`, 'utf8'));
const wordPiece = [...ours(() => createWordPieceTokenizer(vocabulary)), ...peers(bertTokenizerJson(vocabulary))];
await compare('ALBERT Chinese (WordPiece), Chinese lines', corpora.chinese, wordPiece);
await compare('ALBERT Chinese (WordPiece), English lines', corpora.english, wordPiece);
