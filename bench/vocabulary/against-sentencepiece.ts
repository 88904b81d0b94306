/**
 * Unigram vocabulary training beside Google's `spm_train` (Debian package `sentencepiece`) on the same text with the
 * same settings:
 *
 *   npx tsx bench/vocabulary/against-sentencepiece.ts --vocab-size 16000 --train text.txt [text.txt.gz ...] --held-out held-out.txt [...]
 *
 * Text is prepared as ALBERT does and given to both trainers as it is (normaliser `identity`), one thread each. Printed
 * for both: seconds, tokens a character and natural log-likelihood a character on each held-out file, and how many
 * held-out lines `spm_encode` and this package's tokeniser encode alike with our model.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  parseSentencePieceModel,
  type SentencePieceModel,
  writeSentencePieceModel,
} from '../../src/tokenizer/sentencepiece-model.ts';
import { evaluateUnigram } from '../../src/tokenizer/training/evaluate-unigram.ts';
import { createTrainingNormalizer } from '../../src/tokenizer/training/normalization.ts';
import { readLines } from '../../src/tokenizer/training/text-lines-node.ts';
import { trainUnigram } from '../../src/tokenizer/training/unigram-trainer.ts';
import { createUnigramTokenizer } from '../../src/tokenizer/unigram-tokenizer.ts';

/** SentencePiece leaves longer lines out; so do we here, that both see the same text. */
const MAX_LINE_BYTES = 4192;

const { values } = parseArgs({
  options: {
    'vocab-size': { type: 'string', default: '16000' },
    coverage: { type: 'string', default: '0.9995' },
    train: { type: 'string', multiple: true, default: [] },
    'held-out': { type: 'string', multiple: true, default: [] },
  },
});
const vocabSize = Number(values['vocab-size']);
const characterCoverage = Number(values.coverage);

const { normalize } = createTrainingNormalizer({ charsmap: 'identity' });

async function prepared(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of readLines(path)) {
    for (const line of batch) {
      const text = normalize(line).replaceAll('\u2581', ' ').trim();
      if (text !== '' && Buffer.byteLength(text) <= MAX_LINE_BYTES) lines.push(text);
    }
  }
  return lines;
}

async function trainOurs(lines: string[]): Promise<{ model: SentencePieceModel; seconds: number }> {
  const started = performance.now();
  const { model } = await trainUnigram(lines, { vocabSize, characterCoverage });
  return { model, seconds: (performance.now() - started) / 1000 };
}

function trainTheirs(folder: string, lines: string[]): { model: SentencePieceModel; seconds: number } {
  writeFileSync(join(folder, 'text.txt'), `${lines.join('\n')}\n`);
  const started = performance.now();
  execFileSync(
    'spm_train',
    [
      `--input=${join(folder, 'text.txt')}`,
      `--model_prefix=${join(folder, 'google')}`,
      `--vocab_size=${vocabSize}`,
      `--character_coverage=${characterCoverage}`,
      '--normalization_rule_name=identity',
      '--pad_id=0',
      '--unk_id=1',
      '--bos_id=-1',
      '--eos_id=-1',
      '--control_symbols=[CLS],[SEP],[MASK]',
      '--num_threads=1',
      '--minloglevel=2',
    ],
    { stdio: 'ignore' },
  );
  const seconds = (performance.now() - started) / 1000;
  return { model: parseSentencePieceModel(readFileSync(join(folder, 'google.model'))), seconds };
}

/**
 * `equal` lines have the same ids. `reordered` ones have the same pieces in another order, such as `...` `.` and `.`
 * `...`: their scores tie exactly, and SentencePiece's choice then depends on how its single-precision sum happened to
 * round since the beginning of the line, where we add up word by word.
 */
function compareLines(
  folder: string,
  model: SentencePieceModel,
  lines: string[],
): { equal: number; reordered: number } {
  writeFileSync(join(folder, 'ours.model'), writeSentencePieceModel(model));
  const output = execFileSync('spm_encode', [`--model=${join(folder, 'ours.model')}`, '--output_format=id'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  }).split('\n');
  const tokenizer = createUnigramTokenizer(model, { preparation: 'none', parseSpecialTokens: false });
  let equal = 0;
  let reordered = 0;
  for (const [index, line] of lines.entries()) {
    const ours = [...tokenizer.encodeIds(line)].map(String);
    if (ours.join(' ') === output[index]) equal++;
    else if (ours.sort().join(' ') === output[index].split(' ').sort().join(' ')) reordered++;
  }
  return { equal, reordered };
}

async function main(): Promise<void> {
  if (spawnSync('spm_train', ['--version']).error)
    throw new Error('spm_train is not installed; apt install sentencepiece');
  const folder = mkdtempSync(join(tmpdir(), 'vocabulary-bench-'));
  try {
    const lines = (await Promise.all(values.train.map(prepared))).flat();
    console.log(
      `${lines.length} lines, ${lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)} bytes, ${vocabSize} pieces, one thread`,
    );
    const results = { theirs: trainTheirs(folder, lines), ours: await trainOurs(lines) };
    const shared = new Set(results.theirs.model.pieces.map(({ piece }) => piece));
    console.log(`pieces in common: ${results.ours.model.pieces.filter(({ piece }) => shared.has(piece)).length}`);
    for (const [name, { model, seconds }] of Object.entries(results)) {
      console.log(`${name}: ${seconds.toFixed(1)} s`);
      for (const path of values['held-out']) {
        const fit = evaluateUnigram(model, await prepared(path));
        console.log(
          `  ${path}: ${fit.tokensPerCharacter.toFixed(5)} tokens a character, ${(fit.logLikelihood / fit.characters).toFixed(5)} nats a character, ${fit.unknownCharacters} unknown of ${fit.characters}`,
        );
      }
    }
    const held = (await Promise.all(values['held-out'].map(prepared))).flat();
    const checked = [...held, ...lines.slice(0, 20_000)];
    const { equal, reordered } = compareLines(folder, results.ours.model, checked);
    console.log(
      `spm_encode and our tokeniser: ${equal} of ${checked.length} lines alike, ${reordered} with the same pieces in another order (ties)`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
