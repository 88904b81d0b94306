import { existsSync } from 'node:fs';
import { countOf } from '../../core/count.ts';
import { rounded } from '../../core/decimal.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { formatOfPath, readTexts } from '../../data/read-node.ts';
import { KeywordExtractor, type DocumentKeywords, type KeywordOptions } from '../../analysis/keywords/extractor.ts';
import { STOP_WORD_LANGUAGES, type StopWordLanguage } from '../../analysis/keywords/stop-words.ts';
import { FILE_OPTIONS } from '../../tasks/shared-settings.ts';
import { writeAnswers, type LineFlags } from '../streams/line-output.ts';
import { openModel } from '../streams/models.ts';
import { openDocuments } from '../streams/text-input.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';

/** The flags of `albertine keywords`, as commander gives them. */
export interface KeywordFlags
  extends
    LineFlags,
    Pick<
      KeywordOptions,
      'topK' | 'vectors' | 'ranking' | 'method' | 'diversity' | 'pool' | 'maxLength' | 'batchTokens'
    > {
  model?: string;
  documents?: string[];
  ngrams?: [number, number];
  candidates?: string;
  pattern?: string;
  stopWords?: string[];
  seedWords?: string[];
  threads?: number;
  quiet?: boolean;
}

const INPUT_FLAGS = ['input', 'textField', 'format', 'encoding', 'delimiter', 'quotes', 'onError'] as const;

/** Flags that are options of {@link KeywordExtractor} as they stand. */
const EXTRACTOR_FLAGS = [
  ...(['topK', 'ngrams', 'vectors', 'ranking', 'method', 'diversity', 'pool', 'seedWords'] as const),
  ...(['maxLength', 'batchTokens'] as const),
] as const;

/** Runs `albertine keywords`. */
export async function runKeywords(io: CliIo, texts: readonly string[], flags: KeywordFlags): Promise<void> {
  const { documents } = flags;
  if (
    documents &&
    (texts.length > 0 || INPUT_FLAGS.some((name) => flags[name] !== undefined) || flags.header === false)
  )
    throw new UsageError('--documents takes whole files of UTF-8: give no texts and no flags of --input with it');
  const input = documents && openDocuments(documents);
  const options = await optionsOf(flags);
  const counts = new KeywordCounts();
  let made = { model: '', fingerprint: '' };
  await writeAnswers(io, texts, {
    flags,
    model: flags.model,
    input,
    reads: filesRead(flags),
    progress: { stage: 'keywords', unit: 'documents' },
    journal: {
      kind: 'albertine keywords',
      noun: 'document',
      origin: () => ({ model: made.model, options: originOf(flags) }),
      onKept: (record) => counts.add(record as unknown as KeywordRecord),
      summary: () => ({ ...counts, fingerprint: made.fingerprint }),
    },
    open: async () => {
      const model = await openModel(io, flags.model, flags);
      const extractor = KeywordExtractor.from(model, options);
      made = { model: model.fingerprint, fingerprint: extractor.fingerprint };
      return {
        answer: async (text) => {
          const [found] = await extractor.extract([text], { signal: io.signal });
          const record = recordOf(found);
          counts.add(record);
          return { ...record };
        },
        [Symbol.dispose]: () => extractor[Symbol.dispose](),
      };
    },
  });
  if (counts.withoutCandidate > 0)
    io.stderr.write(`note: ${countOf(counts.withoutCandidate, 'document')} without a candidate\n`);
  if (flags.quiet) return;
  const windowed = counts.windowed > 0 ? `, ${counts.windowed.toLocaleString('en-US')} read in several windows` : '';
  io.stderr.write(`${countOf(counts.documents, 'document')}${windowed}\n${made.fingerprint}\n`);
}

/** What a line of output has, besides its index. */
interface KeywordRecord {
  keywords: readonly object[];
  /** Where there were several. */
  windows?: number;
}

function recordOf({ keywords, windows }: DocumentKeywords): KeywordRecord {
  return {
    keywords: keywords.map(({ text, score, offsets }) => ({ text, score: rounded(score), offsets })),
    ...(windows > 1 && { windows }),
  };
}

/** Of the whole file: lines of an interrupted run are counted as they stand there. */
class KeywordCounts {
  documents = 0;
  withoutCandidate = 0;
  windowed = 0;

  add({ keywords, windows = 1 }: KeywordRecord): void {
    this.documents++;
    if (keywords.length === 0) this.withoutCandidate++;
    if (windows > 1) this.windowed++;
  }
}

/** Files besides the texts of `--input`, by what they are read as. */
function filesRead({ documents = [], candidates, stopWords }: KeywordFlags): Record<string, string | undefined> {
  const numbered = (role: string, paths: readonly string[]): [string, string][] =>
    paths.map((path, i) => [`${role} ${i + 1}`, path]);
  return Object.fromEntries([
    ...numbered('documents', documents),
    ...numbered('stop words', filesOf(stopWords)),
    ['candidates', candidates],
  ]);
}

/** The options that keywords depend on; files are known by what they hold. */
function originOf(flags: KeywordFlags): Record<string, unknown> {
  const { stopWords } = flags;
  const files = filesOf(stopWords);
  return {
    ...pick(flags, [...EXTRACTOR_FLAGS, 'pattern', 'textField', ...FILE_OPTIONS]),
    ...(flags.header !== false && { header: undefined }),
    ...(stopWords && { stopWords: stopWords.filter((name) => !files.includes(name)) }),
  };
}

async function optionsOf(flags: KeywordFlags): Promise<KeywordOptions> {
  const { candidates, pattern, stopWords } = flags;
  return {
    ...pick(flags, EXTRACTOR_FLAGS),
    ...(candidates !== undefined && { candidates: await textsOf(candidates) }),
    ...(pattern !== undefined && { pattern: regexpOf(pattern) }),
    ...(stopWords && (await stopWordsOf(stopWords))),
  };
}

const isLanguage = (name: string): name is StopWordLanguage =>
  (STOP_WORD_LANGUAGES as readonly string[]).includes(name);

/** The entries of `--stop-words` that are files. */
const filesOf = (entries: readonly string[] = []): string[] =>
  entries.filter((name) => name !== 'none' && !isLanguage(name));

async function stopWordsOf(entries: readonly string[]): Promise<Pick<KeywordOptions, 'stopWords' | 'moreStopWords'>> {
  if (entries.includes('none') && entries.length > 1) throw new UsageError('--stop-words none goes with no other list');
  const more: string[] = [];
  for (const file of filesOf(entries)) {
    if (!existsSync(file))
      throw new AlbertineError('file_not_found', `--stop-words: ${file} is neither en, zh nor none, and no such file`, {
        value: file,
      });
    more.push(...(await textsOf(file)));
  }
  return { stopWords: entries.filter(isLanguage), ...(more.length > 0 && { moreStopWords: more }) };
}

/** A file of any extension that is none of a format is a phrase a line. */
async function textsOf(file: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of readTexts(file, { ...(formatOfPath(file) === undefined && { format: 'txt' }) }))
    texts.push(text.trim());
  return texts;
}

function regexpOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'gu');
  } catch (error) {
    throw new UsageError(`--pattern: ${(error as Error).message}`);
  }
}
