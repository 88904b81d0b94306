/**
 * Writes `objective.json`: held-out log loss of a logistic regression on words of SST-2 (1,000 training rows, 872 held out)
 * for every setting of a grid, so that samplers can be compared on a real objective over many seeds.
 *
 *     npx tsx bench/tune/tabulate.ts          # data: $ALBERTINE_DATA or ../shared/data; some minutes on one thread
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { classTargets, decisionValues, trainLogistic, WordFeatures } from '../../src/classical/index.ts';
import { createRandom, shuffle } from '../../src/core/random.ts';

const STRENGTHS = Array.from({ length: 17 }, (_, i) => Number((1e-3 * 10 ** (i / 2)).toPrecision(3)));
const WORD_NGRAMS = [0, 1, 2, 3];
const CHARACTERS = ['none', '2-3', '2-4', '3-5'];
const MIN_DOCUMENTS = [1, 2, 3, 5, 8];

const data = process.env['ALBERTINE_DATA'] ?? resolve(import.meta.dirname, '../../../shared/data');

function read(split: string, count = Infinity): { texts: string[]; classes: number[] } {
  const lines = readFileSync(join(data, 'sst', `stsa.binary.${split}`), 'utf8')
    .trim()
    .split('\n');
  const rows = shuffle(lines, createRandom(1)).slice(0, count);
  return { texts: rows.map((line) => line.slice(2)), classes: rows.map((line) => Number(line[0])) };
}

const [train, held] = [read('train', 1000), read('dev')];
const rows: (readonly [number, number, string, number, boolean, number])[] = [];
for (const wordNgrams of WORD_NGRAMS)
  for (const characters of CHARACTERS)
    for (const minDocuments of MIN_DOCUMENTS)
      for (const sublinear of [false, true]) {
        if (wordNgrams === 0 && characters === 'none') continue;
        const characterNgrams = characters.split('-').map(Number) as [number, number];
        const words = WordFeatures.learn(train.texts, {
          wordNgrams,
          minDocuments,
          sublinear,
          ...(characters !== 'none' && { characterNgrams }),
        });
        const [features, others] = [words.of(train.texts), words.of(held.texts)];
        for (const c of STRENGTHS) {
          const model = await trainLogistic(features, classTargets(train.classes, 2), { c });
          const values = await decisionValues(others, model);
          const loss = values.reduce(
            (sum, value, i) => sum + Math.log1p(Math.exp(held.classes[i] ? -value : value)),
            0,
          );
          rows.push([c, wordNgrams, characters, minDocuments, sublinear, Number((loss / values.length).toFixed(6))]);
        }
        process.stderr.write(`${rows.length}\n`);
      }
const columns = ['c', 'wordNgrams', 'characters', 'minDocuments', 'sublinear', 'loss'];
writeFileSync(join(import.meta.dirname, 'objective.json'), `${JSON.stringify({ columns, rows })}\n`);
