import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../src/core/random.ts';
import { DATA, ROOT } from './paths.ts';

/** Sentences and where they come from. */
export interface Sample {
  texts: string[];
  source: string;
}

const lines = (path: string): string[] =>
  readFileSync(path, 'latin1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length > 0);

/** Film reviews: SST, sentence polarity, and the sentences of whole reviews, a third each. */
function reviewSentences(): string[][] {
  const sst = lines(join(DATA, 'sst', 'stsa.binary.train')).map((line) => line.slice(2));
  const polarity = ['neg', 'pos'].flatMap((name) =>
    lines(join(DATA, 'nltk', 'sentence_polarity', `rt-polarity.${name}`)),
  );
  const reviews = ['neg', 'pos'].flatMap((name) => {
    const folder = join(DATA, 'nltk', 'movie_reviews', name);
    return readdirSync(folder)
      .sort()
      .slice(0, 60)
      .flatMap((file) => lines(join(folder, file)));
  });
  return [sst, polarity, reviews];
}

/** The sentences of this repository's own documents and comments. */
function ownSentences(): string[] {
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /^(src|docs|examples|test)\/.*\.(ts|md)$|^[A-Z]+\.md$/.test(name),
  );
  return files
    .sort()
    .flatMap((name) => lines(join(ROOT, name)).filter((line) => /^(\*|\/\/|[A-Z])/.test(line) && line.length > 8));
}

/** `count` sentences in random order, the same for every run; repeated if there are too few. */
export function sampleTexts(count: number): Sample {
  const real = existsSync(join(DATA, 'sst')) && existsSync(join(DATA, 'nltk'));
  const pools = real ? reviewSentences() : [ownSentences()];
  const random = createRandom(11);
  const texts = Array.from({ length: count }, (_, i) => {
    const pool = pools[i % pools.length];
    return pool[random.integer(pool.length)];
  });
  for (let i = texts.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [texts[i], texts[j]] = [texts[j], texts[i]];
  }
  return {
    texts,
    source: real ? 'SST-2, sentence polarity and movie reviews, one sentence a text' : 'lines of this repository',
  };
}
