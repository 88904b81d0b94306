import { AlbertineError } from '../../core/errors.ts';
import { short, toJson } from '../../data/json.ts';
import { loadModel } from '../../loaded/load-node.ts';
import { pick } from '../../core/pick.ts';
import type { TagOptions } from '../tag/task.ts';
import { EntityTagger } from '../tag/tagger.ts';
import type { TextCounts } from '../task.ts';
import type { AskedRows, GivenOptions, Predictor, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { RelationClassifier } from './classifier.ts';
import { openRelations, type RelationFields } from './data-node.ts';
import type { RelationAnswer } from './task.ts';
import { findTriples, type TextTriples } from './triples.ts';
import { relateTuning } from './tuning-node.ts';

const verbs = verbsOf(relateTuning, {
  open: (model) => RelationClassifier.from(model),
  lines: ({ facts: { labels, none } }) => [
    `relations: ${labels.join(', ')}${none === undefined ? '' : ` (${none}: none)`}`,
  ],
  next: ({ output }) => [`evaluate ${output} --data FILE`, `predict ${output} --input PAIRS.jsonl`],
  predict: {
    open(path, options): AskedRows {
      const source = openRelations(path, options as RelationFields, { labelled: false });
      return {
        name: source.name,
        report: source.report,
        notes: [],
        [Symbol.asyncIterator]: () => source[Symbol.asyncIterator](),
      };
    },
    asking: () => ({}),
    record: ({ label, score, head, tail }: RelationAnswer) => ({ label, score: short(score), head, tail }),
    cells: ({ label, score, head, tail }: RelationAnswer) => ({
      label,
      score: short(score),
      head: head.text,
      headStart: head.start,
      headEnd: head.end,
      tail: tail.text,
      tailStart: tail.start,
      tailEnd: tail.end,
    }),
  },
});

/** The verbs of relations; with a tagger, plain texts are asked. */
export const relateVerbs: TaskVerbs = {
  ...verbs,
  predictor(model) {
    const pairs = verbs.predictor!(model);
    const isTriples = (answer: TextCounts): answer is TextTriples => 'triples' in answer;
    return {
      ...pairs,
      textsWith: '--tagger',
      ofText: (options) => (options['tagger'] === undefined ? undefined : ({ text }) => text),
      answers: (inputs, options) =>
        options['tagger'] === undefined
          ? pairs.answers(inputs, options)
          : triples(RelationClassifier.from(model), inputs as AsyncIterable<string>, options),
      record: (answer, options) => (isTriples(answer) ? plain(answer) : pairs.record(answer, options)),
      cells: (answer, options) => (isTriples(answer) ? cellsOf(plain(answer)) : pairs.cells(answer, options)),
    } satisfies Predictor;
  },
};

const LOOK_AHEAD = 64;

async function* triples(
  relations: RelationClassifier,
  texts: AsyncIterable<string>,
  options: GivenOptions,
): AsyncGenerator<TextTriples> {
  const path = options['tagger'] as string;
  const { lookAhead = LOOK_AHEAD, threads } = options as { lookAhead?: number; threads?: number };
  using loaded = await loadModel(path, pick({ threads }, ['threads']));
  if (!loaded.loaded.heads.includes('tokenClassification'))
    throw new AlbertineError(
      'invalid_argument',
      `the tagger ${path} is no tagger: it has ${loaded.loaded.heads.join(', ') || 'no head'}`,
      { value: path, hint: 'Fine-tune one with: albertine finetune tag' },
    );
  const models = { tagger: EntityTagger.from(loaded), relations };
  let waiting: string[] = [];
  const flush = async (): Promise<TextTriples[]> =>
    findTriples(waiting, models, pick(options as TagOptions, ['batchTokens', 'longText', 'maxLength']));
  for await (const text of texts) {
    waiting.push(text);
    if (waiting.length < lookAhead) continue;
    yield* await flush();
    waiting = [];
  }
  if (waiting.length > 0) yield* await flush();
}

/** Tables have the same columns in every row. */
function cellsOf({ entities, triples: found, pairsTooFar = 0 }: ReturnType<typeof plain>): Record<string, unknown> {
  return { entities: toJson(entities), triples: toJson(found), pairsTooFar };
}

function plain({ entities, triples: found, pairsTooFar }: TextTriples): {
  entities: unknown[];
  triples: unknown[];
  pairsTooFar?: number;
} {
  return {
    entities: entities.map((entity) => ({ ...entity, score: short(Math.fround(entity.score)) })),
    triples: found.map((triple) => ({ ...triple, score: short(triple.score) })),
    ...(pairsTooFar !== undefined && { pairsTooFar }),
  };
}
