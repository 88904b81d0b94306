import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { toJson } from '../../data/json.ts';
import { formatOfPath, openRows, readTexts, type ReadOptions } from '../../data/read-node.ts';
import {
  DocumentReader,
  type DocumentAnswer,
  type DocumentAnswerOptions,
  type SourceDocument,
} from '../../tasks/answer/documents.ts';
import { AnswerReader } from '../../tasks/answer/reader.ts';
import { pick } from '../../core/pick.ts';
import type { CliIo } from '../terminal/io.ts';
import { rounded } from '../../core/decimal.ts';
import { openModel } from '../streams/models.ts';
import { formatDuration } from '../terminal/progress-bar.ts';

/** The flags of `albertine answer`, as commander gives them. */
export interface AnswerFlags extends DocumentAnswerOptions, Pick<ReadOptions, 'encoding'> {
  question: string[];
  documents: string[];
  textField?: string;
  embedder?: string;
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine answer`. */
export async function runAnswer(io: CliIo, model: string, flags: AnswerFlags): Promise<void> {
  const documents = (await Promise.all(flags.documents.map((path) => readDocuments(path, flags)))).flat();
  using reader = AnswerReader.from(await openModel(io, model, flags));
  using embedder = flags.embedder === undefined ? undefined : await openModel(io, flags.embedder, flags);
  const started = performance.now();
  const index = await DocumentReader.create(documents, reader, embedder ? { embedder } : {});
  if (!flags.quiet)
    io.stderr.write(
      `${countOf(documents.length, 'document')}, ${countOf(index.passages.length, 'passage')}, indexed in ${formatDuration((performance.now() - started) / 1000)}\n`,
    );
  for (const question of flags.question) {
    io.signal.throwIfAborted();
    const answers = await index.answer(question, pick(flags, ['topK', 'passages', 'maxAnswerLength']));
    await io.stdout.write(
      flags.json
        ? `${toJson({ question, answers: answers.map((answer) => ({ ...answer, score: rounded(answer.score) })) })}\n`
        : describe(question, answers, documents),
    );
  }
}

/** A text file is one document, a file of rows one for each row. */
async function readDocuments(path: string, { textField, encoding }: AnswerFlags): Promise<SourceDocument[]> {
  const format = formatOfPath(path);
  const common = encoding === undefined ? {} : { encoding };
  if (format === undefined || format === 'txt') {
    const lines: string[] = [];
    for await (const { fields } of openRows(path, { ...common, format: 'txt' })) lines.push(fields['text'] as string);
    return [{ name: path, text: lines.join('\n') }];
  }
  const documents: SourceDocument[] = [];
  for await (const { number, text } of readTexts(path, { ...common, ...(textField !== undefined && { textField }) }))
    documents.push({ name: `${path}, row ${number}`, text });
  if (documents.length === 0) throw new AlbertineError('invalid_data', `${path} holds no text`, { value: path });
  return documents;
}

const SHOWN = 160;

function describe(question: string, answers: readonly DocumentAnswer[], documents: readonly SourceDocument[]): string {
  const lines = answers.map(({ answer, name, document, start, end, score }) => {
    const { text } = documents[document];
    const [from, to] = [Math.max(0, start - SHOWN / 2), Math.min(text.length, end + SHOWN / 2)];
    const around = `${from > 0 ? '...' : ''}${text.slice(from, to).replace(/\s+/g, ' ')}${to < text.length ? '...' : ''}`;
    return `  ${score.toFixed(3)}  ${answer}\n         ${name} ${start}-${end}: ${around}`;
  });
  return `${question}\n${lines.length > 0 ? lines.join('\n') : '  no passage has a word of it'}\n\n`;
}
