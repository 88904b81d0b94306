import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createRandom, shuffle } from '../../src/core/random.ts';
import { readNpy, writeNpy } from '../../src/data/npy-node.ts';
import { BUILT_IN_MODEL, loadModel } from '../../src/loaded/load-node.ts';
import { CORPUS, LANGUAGES, requireData, type Language } from '../pretraining/data.ts';

/** Paragraphs of the corpus in an order by chance, of one language. */
export function paragraphsOf(language: Language, atLeast: number): string[] {
  const folder = requireData(join(CORPUS, language));
  const paragraphs: string[] = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt.gz')))
    for (const line of gunzipSync(readFileSync(join(folder, name)))
      .toString()
      .split('\n'))
      if (line.length >= atLeast) paragraphs.push(line);
  return shuffle(paragraphs, createRandom(1));
}

/** A sentence from each of as many paragraphs: half of them English, half Chinese. */
function sentences(count: number): string[] {
  const random = createRandom(2);
  const found = LANGUAGES.flatMap((language) => {
    const [shortest, longest] = language === 'en' ? [40, 160] : [12, 45];
    const ones = paragraphsOf(language, shortest).flatMap((paragraph) => {
      const fit = paragraph
        .split(/(?<=[.!?。！？])\s*/u)
        .filter((one) => one.length >= shortest && one.length <= longest);
      return fit.length > 0 ? [fit[random.integer(fit.length)]] : [];
    });
    return ones.slice(0, Math.ceil(count / 2));
  });
  return shuffle(found, random).slice(0, count);
}

/**
 * Vectors of sentences of the corpus by the built-in model, `[count, 384]`; computed once and kept in a folder. `seconds`
 * says how long that took, where it was done now.
 */
export async function realVectors(folder: string, count: number): Promise<{ data: Float32Array; seconds?: number }> {
  const path = join(folder, `real-${count}.npy`);
  if (existsSync(path)) return { data: (await readNpy(path)).data as Float32Array };
  using model = await loadModel(BUILT_IN_MODEL, { threads: 1 });
  const texts = sentences(count);
  const started = performance.now();
  const { data } = await model.embed(texts, { normalize: true });
  const seconds = (performance.now() - started) / 1000;
  await writeNpy(path, data, data.length / texts.length);
  return { data, seconds };
}

/**
 * As many vectors as are asked for, some at a time: first the real ones, then each two real ones by chance mixed, the
 * one at least as strong as the other. So they lie where real ones do, and closer to each other than those.
 */
export function* mixedVectors(real: Float32Array, rows: number, dimensions: number): Generator<Float32Array> {
  const step = 1000;
  const random = createRandom(7);
  const count = real.length / dimensions;
  for (let from = 0; from < rows; from += step) {
    const out = new Float32Array(Math.min(step, rows - from) * dimensions);
    for (let at = 0; at < out.length; at += dimensions) {
      const row = from + at / dimensions;
      if (row < count) {
        out.set(real.subarray(row * dimensions, (row + 1) * dimensions), at);
        continue;
      }
      const [a, b] = [random.integer(count) * dimensions, random.integer(count) * dimensions];
      const share = 0.5 + 0.5 * random.uniform();
      let square = 0;
      for (let k = 0; k < dimensions; k++) {
        const value = share * real[a + k] + (1 - share) * real[b + k];
        out[at + k] = value;
        square += value * value;
      }
      const length = Math.sqrt(square);
      for (let k = 0; k < dimensions; k++) out[at + k] /= length;
    }
    yield out;
  }
}
