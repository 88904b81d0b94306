import { AlbertineError, describeValue } from '../../core/errors.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import { softmaxRow } from '../../core/softmax.ts';
import { noRelation, relationReport } from '../../metrics/relations.ts';
import { countUnknown, type Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskOptions, Encoded, EncodeHow, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';
import { tooLong } from '../../loaded/text-windows.ts';

/** A marked stretch of a text, in UTF-16 units. */
export interface Mention {
  /** UTF-16 position in the text. */
  start: number;
  /** Where it ends, exclusive. */
  end: number;
  /** What kind of thing it is, where that is known: `PER`. */
  type?: string;
}

/** Two mentions in a text, in the order that the labels speak of: e1 and e2. */
export interface RelationInput {
  /** The text with both mentions. */
  text: string;
  /** The first of the two (e1), wherever it stands. */
  head: Mention;
  /** The second (e2). */
  tail: Mention;
}

/**
 * Options of {@link RelationClassifier.predict}. A text that is too long is cut around its mentions, and what is lost
 * is counted.
 */
export type RelateOptions = AskOptions;

/** See `requireOptions`. */
export const RELATE_OPTIONS: OptionKinds<RelateOptions> = ASK_OPTIONS;

/** How two mentions of a text are related. */
export interface RelationAnswer {
  /** The likeliest relation. */
  label: string;
  /** Probability of `label`. */
  score: number;
  /** The first mention with what it says. */
  head: Mention & { text: string };
  /** The second mention with what it says. */
  tail: Mention & { text: string };
}

/** {@link RelationAnswer} with what happened to the text. */
export type RelationPrediction = RelationAnswer & TextCounts;

/** What a checkpoint says of its relations. */
export interface RelationFacts {
  /** Names of the relations, in the order of the logits. */
  labels: readonly string[];
  /** The label that says that there is no relation. */
  none: string | undefined;
}

/** The types of {@link relateTask}. A gold is the index of the label. */
export interface RelateTypes {
  /** What is asked. */
  input: RelationInput;
  /** What is right. */
  gold: number;
  /** What is answered. */
  output: RelationAnswer;
  /** What a checkpoint says of its answers. */
  facts: RelationFacts;
  /** A row for the network: the text with both mentions marked. */
  piece: Encoded['pieces'][number];
  /** Options of asking. */
  options: RelateOptions;
}

/** Key of `config.json` that this package adds to a classifier of relations. */
export const NO_RELATION_KEY = 'albertine_no_relation';

/** Two marked mentions into the relation between them. */
export const relateTask: Task<RelateTypes> = {
  name: 'relate',
  head: 'sequenceClassification',
  metrics: { macroF1: 'higher', microF1: 'higher', precision: 'higher', recall: 'higher', accuracy: 'higher' },
  facts: readFacts,
  requireInput,
  text: ({ text }) => text,
  encode,
  decode({ text, head, tail }, { logits: [row], facts: { labels } }) {
    const probabilities = softmaxRow(row);
    const best = probabilities.indexOf(Math.max(...probabilities));
    const shown = (mention: Mention): Mention & { text: string } => ({
      ...mention,
      text: text.slice(mention.start, mention.end),
    });
    return { label: labels[best], score: probabilities[best], head: shown(head), tail: shown(tail) };
  },
  score: scoreRelations,
};

function readFacts({ checkpoint: { details, location }, weights }: Albert): RelationFacts {
  const outputs = weights.get('classifier.weight')!.shape[0];
  const { labels } = details;
  if (labels?.length !== outputs)
    throw new AlbertineError(
      'weights_mismatch',
      `${location}: the config names ${labels?.length ?? 'no'} labels, and the head has ${outputs} outputs`,
      { value: outputs, hint: 'The config belongs to another checkpoint' },
    );
  const none = details.extra[NO_RELATION_KEY];
  return { labels, none: typeof none === 'string' ? none : noRelation(labels) };
}

function requireInput(subject: string, input: unknown, index: number): void {
  const { text, head, tail } = (input ?? {}) as Record<string, unknown>;
  requireText(subject, text, index);
  for (const [name, mention] of Object.entries({ head, tail })) {
    const problem = mentionProblem(mention, text);
    if (problem !== undefined)
      throw new AlbertineError('invalid_argument', `${name} of input ${index} of ${subject}: ${problem}`, {
        value: mention,
        hint: 'Such as { text, head: { start: 0, end: 4 }, tail: { start: 10, end: 14 } }',
      });
  }
}

/** What is wrong with a mention; undefined for one that is right. */
export function mentionProblem(mention: unknown, text: string): string | undefined {
  const { start, end } = (mention ?? {}) as Record<'start' | 'end', number>;
  if (!Number.isInteger(start) || !Number.isInteger(end))
    return `a mention has a start and an end, got ${describeValue(mention)}`;
  if (start >= end)
    return `the mention ${describeValue(mention)} is empty: its end is the position after its last character`;
  if (start < 0 || end > text.length)
    return `the mention ${describeValue(mention)} is outside its text of ${text.length} UTF-16 units`;
  return [start, end].some((at) => isInsideCharacter(text, at))
    ? `the mention ${describeValue(mention)} cuts a character in two: positions count UTF-16 units, of which an emoji has two or more`
    : undefined;
}

/** Whether a position is between the two halves of a character that has two UTF-16 units. */
function isInsideCharacter(text: string, at: number): boolean {
  const [before, after] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}

/**
 * The text with its mentions marked: `@ * person * Bill @ was born in # ^ city ^ Seattle #`. These marks are in every
 * vocabulary, so that no token has to be added (typed entity markers with punctuation: Zhou and Chen 2022, "An Improved
 * Baseline for Sentence-level Relation Extraction").
 */
export function markMentions({ text, head, tail }: RelationInput): {
  text: string;
  marked: [start: number, end: number];
} {
  const inserts = [...marksOf(head, { mark: '@', type: '*' }), ...marksOf(tail, { mark: '#', type: '^' })].sort(
    (a, b) => a.at - b.at || a.order - b.order,
  );
  let marked = '';
  let from = 0;
  let first = Infinity;
  for (const { at, insert } of inserts) {
    marked += text.slice(from, at);
    first = Math.min(first, marked.length);
    marked += insert;
    from = at;
  }
  const end = marked.length;
  return { text: marked + text.slice(from), marked: [first, end] };
}

function marksOf(
  { start, end, type }: Mention,
  marks: { mark: string; type: string },
): { at: number; order: number; insert: string }[] {
  const typed = type === undefined ? '' : `${marks.type} ${type.toLowerCase().replaceAll('_', ' ')} ${marks.type} `;
  // What closes one mention stands before what opens the next at the same place.
  return [
    { at: start, order: 1, insert: ` ${marks.mark} ${typed}` },
    { at: end, order: 0, insert: ` ${marks.mark} ` },
  ];
}

function encode(
  input: RelationInput,
  { tokenizer, maxLength, longText = 'truncate' }: EncodeHow<RelateTypes>,
): Encoded {
  const whole = markMentions(input);
  const all = tokenizer.encode(whole.text);
  const tokenCount = all.ids.length - 2;
  if (all.ids.length <= maxLength)
    return {
      pieces: [{ ids: all.ids, typeIds: all.typeIds }],
      tokenCount,
      truncatedTokens: 0,
      unknownTokens: countUnknown(tokenizer, all.ids),
    };
  if (longText === 'error') throw tooLong(tokenCount, maxLength - 2);
  const { ids, typeIds } = cutAround(tokenizer, whole, maxLength);
  return {
    pieces: [{ ids, typeIds }],
    tokenCount,
    truncatedTokens: tokenCount - (ids.length - 2),
    unknownTokens: countUnknown(tokenizer, all.ids),
  };
}

/**
 * As much of the text on both sides of the mentions as there is room for; where the mentions alone are too far apart,
 * the end is lost.
 */
function cutAround(
  tokenizer: Tokenizer,
  { text, marked }: { text: string; marked: [number, number] },
  maxLength: number,
): { ids: Int32Array; typeIds: Int32Array } {
  const { offsets } = tokenizer.encode(text, { addSpecialTokens: false });
  const first = Math.max(
    0,
    offsets.findIndex(([, end]) => end > marked[0]),
  );
  const last = offsets.findLastIndex(([start]) => start < marked[1]);
  const spare = maxLength - 2 - (last - first + 1);
  const before =
    spare <= 0 ? first : Math.max(0, first - Math.max(Math.floor(spare / 2), spare - (offsets.length - 1 - last)));
  return tokenizer.encode(text.slice(offsets[before][0]), { maxLength });
}

function scoreRelations(
  gold: readonly number[],
  outputs: readonly RelationAnswer[],
  { labels, none }: RelationFacts,
): Scores {
  const { macroF1, microF1, precision, recall, accuracy, perRelation } = relationReport(
    gold.map((index) => labels[index]),
    outputs.map(({ label }) => label),
    none,
  );
  return {
    metrics: { macroF1, microF1, precision, recall, accuracy },
    details: { labels, noRelation: none ?? null, perRelation },
    tables: () => [
      {
        columns: ['relation', 'precision', 'recall', 'F1', 'pairs'],
        rows: perRelation.map((row) => [row.relation, row.precision, row.recall, row.f1, String(row.support)]),
      },
    ],
  };
}
