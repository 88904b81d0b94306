import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Albert } from '../../src/index.ts';
import { buildIndex, openIndex, type DocumentIndex } from '../../src/retrieval/index.ts';
import { DATA, requireData } from '../pretraining/data.ts';

/** A question to a paragraph. */
export interface Question {
  text: string;
  /** Number of its paragraph. */
  right: number;
}

/** Paragraphs with questions to them. */
export interface QuestionSet {
  paragraphs: string[];
  questions: Question[];
}

interface Squad {
  data: { paragraphs: { context: string; qas: { question: string }[] }[] }[];
}

function readSet(...path: string[]): QuestionSet {
  const { data } = JSON.parse(readFileSync(requireData(join(DATA, ...path)), 'utf8')) as Squad;
  const paragraphs = data.flatMap((article) => article.paragraphs);
  return {
    paragraphs: paragraphs.map(({ context }) => context),
    questions: paragraphs.flatMap(({ qas }, right) => qas.map(({ question }) => ({ text: question, right }))),
  };
}

/** XQuAD in both languages and across, and CMRC 2018. */
export const SETS: Record<string, () => { questions: QuestionSet; paragraphs: QuestionSet }> = {
  en: () => both(readSet('xquad', 'xquad.en.json')),
  zh: () => both(readSet('xquad', 'xquad.zh.json')),
  'en-zh': () => ({ questions: readSet('xquad', 'xquad.en.json'), paragraphs: readSet('xquad', 'xquad.zh.json') }),
  'zh-en': () => ({ questions: readSet('xquad', 'xquad.zh.json'), paragraphs: readSet('xquad', 'xquad.en.json') }),
  cmrc: () => both(readSet('cmrc2018', 'cmrc2018_dev.json')),
};
const both = (set: QuestionSet): { questions: QuestionSet; paragraphs: QuestionSet } => ({
  questions: set,
  paragraphs: set,
});

/** An index of paragraphs, each a row of a JSONL file in a temporary folder, which is `folder`. */
export async function openParagraphs(
  paragraphs: readonly string[],
  model: Albert,
): Promise<{ index: DocumentIndex; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'albertine-bench-'));
  const file = join(folder, 'paragraphs.jsonl');
  writeFileSync(file, paragraphs.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  const started = performance.now();
  const { chunks, tokens } = await buildIndex(join(folder, 'index'), model, { sources: [file], overwrite: true });
  const seconds = (performance.now() - started) / 1000;
  console.error(`${chunks} chunks of ${tokens} tokens in ${seconds.toFixed(1)} s`);
  return { index: await openIndex(join(folder, 'index'), { model }), folder };
}
