import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createUnigramTokenizer,
  createWordPieceTokenizer,
  parseSentencePieceModel,
  parseVocabulary,
} from '../../src/tokenizer/index.ts';
import { generatedLines, realLines } from './oracle/corpus.ts';
import { mismatches, oraclesAvailable, runOracle, withoutTies } from './oracle/oracles.ts';

const data = '../shared/data';
const plain = { parseSpecialTokens: false } as const;
const corpora = Object.entries({ ...realLines(data, 40), ...generatedLines(40) });

describe.skipIf(!existsSync(data) || !oraclesAvailable())(
  'a slice of the corpus comparison (needs ../shared/data, spm_encode, Python 3)',
  () => {
    const lines = corpora.flatMap(([, list]) => list);

    it.each([
      ['albert-en-spiece/spiece.model', []],
      ['albert-en-spiece/spiece.model', ['--plain']],
      ['sentencepiece-test/test_ja_model.model', ['--plain']],
    ])('%s %s', (path, args) => {
      const model = parseSentencePieceModel(readFileSync(`${data}/${path}`));
      const tokenizer = createUnigramTokenizer(model, { ...plain, preparation: args.length === 0 ? 'albert' : 'none' });
      const found = mismatches(
        'all',
        lines,
        runOracle('albert_oracle.py', [`${data}/${path}`, ...args], lines),
        (line) => tokenizer.encodeIds(line),
      );
      expect(
        withoutTies(
          found,
          model.pieces.map(({ score }) => score),
        ),
      ).toEqual([]);
      expect(found.length).toBeLessThan(lines.length / 50);
    });

    it('the Chinese vocabulary against plain Python', () => {
      const path = `${data}/albert-zh-vocab/vocab.txt`;
      const tokenizer = createWordPieceTokenizer(parseVocabulary(readFileSync(path, 'utf8')), plain);
      expect(
        mismatches('all', lines, runOracle('bert_oracle.py', [path], lines), (line) => tokenizer.encodeIds(line)),
      ).toEqual([]);
    });
  },
);
