import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createRandom, type Random } from '../../../src/core/random.ts';

/** Named lists of lines for comparing tokenisers. */
export type Corpus = Record<string, string[]>;

/** Real lines from the folder `data`; files that are absent are left out. At most `limit` lines of each. */
export function realLines(data: string, limit: number): Corpus {
  const read = (path: string): string[] => {
    if (!existsSync(`${data}/${path}`)) return [];
    const bytes = readFileSync(`${data}/${path}`);
    const text = new TextDecoder().decode(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    const lines = text
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line.trim() !== '');
    // Spread over the file rather than its head.
    const step = Math.max(1, Math.floor(lines.length / limit));
    return lines.filter((_, i) => i % step === 0).slice(0, limit);
  };
  const columns = (path: string, count: number): string[] =>
    read(path).map((line) => line.split('\t').slice(0, count).join(' '));
  return {
    english: [
      ...read('sst/stsa.binary.train'),
      ...read('banking77/train.csv'),
      ...read('stsb/stsb-en-train.csv'),
      ...read('cnndm-sample/cnn_dailymail.csv'),
      ...read('multi30k/train.en.gz'),
      ...read('sentencepiece-test/botchan.txt'),
    ],
    chinese: [
      ...columns('lcqmc/dev.txt', 2),
      ...columns('tnews/train.tsv', 1),
      ...columns('chnsenticorp/train.tsv', 1),
      ...read('stsb/stsb-zh-train.csv'),
    ],
    mixed: [
      ...columns('mlqe-pe/en-zh-dev/dev.enzh.df.short.tsv', 3),
      ...read('mlqe-pe/en-zh-dev/dev.mt'),
      ...read('mlqe-pe/ro-en-dev/dev.roen.df.short.tsv'),
      ...read('wnut17/wnut17train.conll'),
    ],
    german: read('multi30k/train.de.gz'),
    japanese: read('sentencepiece-test/wagahaiwa_nekodearu.txt'),
  };
}

const RANGES: Record<string, [number, number][]> = {
  ascii: [[0x20, 0x7e]],
  latin: [
    [0xa0, 0x17f],
    [0x1e00, 0x1eff],
    [0x1f00, 0x1f15],
    [0x370, 0x3ff],
    [0x400, 0x4ff],
  ],
  marks: [
    [0x300, 0x36f],
    [0x61, 0x7a],
    [0x1dc0, 0x1dc9],
    [0x20d0, 0x20dc],
    [0x93e, 0x94d],
  ],
  emoji: [
    [0x1f600, 0x1f64f],
    [0x1f300, 0x1f320],
    [0x1f3fb, 0x1f3ff],
    [0x200d, 0x200d],
    [0xfe0f, 0xfe0f],
    [0x2600, 0x26ff],
  ],
  hangul: [
    [0xac00, 0xd7a3],
    [0x1100, 0x1112],
    [0x1161, 0x1175],
    [0x11a8, 0x11c2],
    [0x3131, 0x318e],
  ],
  arabic: [
    [0x621, 0x652],
    [0x660, 0x669],
    [0xfb50, 0xfbb1],
    [0xfdf0, 0xfdfb],
    [0xfe70, 0xfe74],
  ],
  indic: [
    [0x905, 0x939],
    [0x93e, 0x94d],
    [0xe01, 0xe3a],
    [0xe40, 0xe4e],
  ],
  symbols: [
    [0x2000, 0x206f],
    [0x2070, 0x208e],
    [0x20a0, 0x20bf],
    [0x2100, 0x218b],
    [0x2460, 0x24ff],
    [0x3000, 0x303f],
    [0x3300, 0x33ff],
    [0xff01, 0xffee],
  ],
  control: [
    [0x01, 0x09],
    [0x0b, 0x1f],
    [0x7f, 0xa0],
    [0xad, 0xad],
    [0x200b, 0x200f],
    [0x2028, 0x202f],
    [0x2060, 0x2064],
    [0xfeff, 0xfeff],
    [0xfffd, 0xfffd],
  ],
  cjk: [
    [0x4e00, 0x9fa5],
    [0x3041, 0x3096],
    [0x30a1, 0x30fa],
    [0xf900, 0xfa2d],
    [0x20000, 0x20100],
  ],
  numbers: [
    [0x30, 0x39],
    [0x2c, 0x2e],
    [0x30, 0x39],
  ],
  quotes: [
    [0x27, 0x27],
    [0x60, 0x60],
    [0x22, 0x22],
    [0x2018, 0x201f],
    [0x61, 0x66],
  ],
};

/** `perKind` generated lines of every kind of character, mixed with English words; the same for the same seed. */
export function generatedLines(perKind: number, seed = 7): Corpus {
  const random = createRandom(seed);
  const words = "the quick Brown fox COST 1,000, in 2016, naïve café don't re-entered Σίσυφος ΟΔΟΣ İstanbul".split(' ');
  const corpus: Corpus = {};
  for (const [kind, ranges] of Object.entries(RANGES)) {
    corpus[`generated ${kind}`] = Array.from({ length: perKind }, () => generatedLine(ranges, words, random));
  }
  return corpus;
}

function generatedLine(ranges: [number, number][], words: string[], random: Random): string {
  let line = '';
  for (let part = 1 + random.integer(8); part > 0; part--) {
    const draw = random.uniform();
    if (draw < 0.3) line += words[random.integer(words.length)];
    else {
      for (let count = 1 + random.integer(6); count > 0; count--) {
        const [low, high] = ranges[random.integer(ranges.length)];
        line += String.fromCodePoint(low + random.integer(high - low + 1));
      }
    }
    if (random.uniform() < 0.6) line += ' '.repeat(1 + random.integer(2));
  }
  return line;
}
