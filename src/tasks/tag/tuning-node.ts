import { AlbertineError } from '../../core/errors.ts';
import type { OptionsOf } from '../../core/settings.ts';
import { sortLabels } from '../../data/dataset.ts';
import { tagsOfEntities, type Span } from '../../metrics/entities.ts';
import { float32, int64 } from '../../runtime/tensor.ts';
import { CRF, headOf } from '../../model/heads.ts';
import { chainFeeds, CRF_RESULTS, crfHead } from '../../training/crf-head.ts';
import type { HeadResults } from '../../training/head.ts';
import { tokenClassificationHead } from '../../training/heads.ts';
import type { HeadFeeds, Unit, UnitBatch } from '../../training/units.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { fineTune, type TuningResult } from '../fine-tune-node.ts';
import { RATE_MULTIPLES } from '../../training/run/plan-node.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import type { DataReport, Labelled, Splits, Tuning, TuningOptions } from '../tuning.ts';
import { readTagged } from './data-node.ts';
import { CRF_RATE, FINE_TUNE_SETTINGS, type TAGGED_SETTINGS } from './settings.ts';
import type { TagCrf } from './decode.ts';
import {
  simpleWithCrf,
  TAGGER_KEYS,
  tagTask,
  taggedUnits,
  type TaggerFacts,
  type TagOptions,
  type TagPiece,
  type TagTypes,
} from './task.ts';
import { placeTokens, segmentWords, type Range } from './words.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Options of `fineTuneTagger`: those of the manual's flags and of every run. */
export interface FineTuneTagOptions
  extends TuningOptions, OptionsOf<typeof TAGGED_SETTINGS>, Pick<TagOptions, 'aggregation' | 'decoding' | 'stride'> {
  /** Trains on all tokens of a word, not on the first alone. Default false. */
  labelAllTokens?: boolean;
  /**
   * Learns which tags follow each other too: a linear-chain CRF on the logits, from word to word. Not with
   * `labelAllTokens`. Default false.
   */
  crf?: boolean;
  /**
   * Factor on the learning rate of the CRF's transitions, which begin at 0. Default 100; for LAMB 10 and for SGD 1,
   * whose rates are as much higher.
   */
  crfRate?: number;
  /**
   * Tokenises Chinese characters one by one. Default `auto`: where an entity of the training data begins or ends inside
   * a token otherwise.
   */
  characters?: 'auto' | 'on' | 'off';
}

/** Short texts are many, and windows of this length see enough around a word. */
const DEFAULT_MAX_LENGTH = 128;
const FEWEST_STEPS = 600;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [3, 20];

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneTagger(options: FineTuneTagOptions): Promise<TuningResult & { tags: readonly string[] }> {
  const { facts, ...result } = await fineTune(tagTuning, options);
  return { ...result, tags: facts.tags };
}

/** How a tagger is learned. */
export const tagTuning: Tuning<TagTypes, FineTuneTagOptions> = {
  task: tagTask,
  subject: 'fineTuneTagger',
  declared: FINE_TUNE_SETTINGS,
  defaults: {
    maxLength: DEFAULT_MAX_LENGTH,
    batchSize: 16,
    epochs: ({ units, batchSize }) =>
      Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / units))),
  },
  check: checkCrf,
  read,
  adapt: chooseCharacters,
  texts: (input) => [typeof input === 'string' ? input : input.text],
  label: (gold) => gold.map(({ label, start, end }) => `${label} ${start}-${end}`).join(', ') || 'no entity',
  describe,
  answers: ({ tags, crf }) => ({
    head: 'tokenClassification',
    labels: tags,
    noun: 'tagger',
    activity: 'tagging',
    optional: crf !== undefined,
  }),
  head: (config, { tags, crf }, options) =>
    crf
      ? {
          ...crfHead(config, tags.length),
          learningRateScales: [[headOf('tokenClassification').optional!.name, crfRateOf(options)]],
        }
      : tokenClassificationHead(config, tags.length),
  units: ({ pieces }, gold, { facts }) => unitsOf(pieces, gold, facts),
  feeds: (batch, { crf }) => (crf ? chainsOf : feedsOf)(batch as UnitBatch<Int32Array>),
  asking: (options) => pick(options, ['aggregation', 'decoding', 'stride']),
  defaultMetric: () => 'f1',
  settings: (options, { tags, characters, allTokens, crf }) => ({
    tags,
    characters,
    allTokens,
    ...(crf && { crf: true, crfRate: crfRateOf(options) }),
    ...pick(options, ['stride', 'scheme', 'wrongTags']),
  }),
  learned: (facts, results) => (facts.crf ? { ...facts, crf: crfOf(results) } : facts),
  stored: ({ tags, characters, allTokens }) => ({
    labels: [...tags],
    extra: { [TAGGER_KEYS.characters]: characters, [TAGGER_KEYS.allTokens]: allTokens },
  }),
  card: {
    name: 'Tagger of entities',
    description: (rows, { crf }) =>
      `Fine-tuned on ${rows} with albertine: finds entities in texts, with their places.${crf ? CRF_REMARK : ''}`,
    use: [
      "import { EntityTagger } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const tagger = await EntityTagger.load('path/to/this/folder');",
      "const [{ entities }] = await tagger.predict(['a text']);",
    ],
  },
};

/** For the model card: Python and ONNX files know the network alone. */
const CRF_REMARK = ` It decodes with a CRF: \`${Object.values(CRF).join('`, `')}\` of the weights say what a tag scores behind another, and at the beginning and the end of a text. \`transformers\` does not read them: what it gives are the scores of each token by itself.`;

function checkCrf({ crf, crfRate, labelAllTokens, aggregation }: FineTuneTagOptions): void {
  if (crf && labelAllTokens)
    throw new AlbertineError(
      'invalid_argument',
      prose`a CRF goes from word to word, and ${option('labelAllTokens')} trains on all tokens of a word`,
      { value: labelAllTokens, option: 'labelAllTokens', hint: prose`Leave out that or ${option('crf')}` },
    );
  if (crf && aggregation === 'simple') throw simpleWithCrf();
  if (!crf && crfRate !== undefined)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('crfRate')} is for a CRF, and there is none, got ${crfRate}`,
      { value: crfRate, option: 'crfRate', hint: prose`Give ${option('crf')} too` },
    );
}

const crfRateOf = ({ crfRate, optimizer: { name = 'adamw' } = {} }: FineTuneTagOptions): number =>
  crfRate ?? CRF_RATE / RATE_MULTIPLES[name];

const crfOf = (results: HeadResults): TagCrf => {
  const values = (name: string): Float32Array => results[name].data as Float32Array;
  return {
    transitions: values(CRF_RESULTS.transitions),
    start: values(CRF_RESULTS.start),
    end: values(CRF_RESULTS.end),
  };
};

/** A CRF that has learned nothing. */
const freshCrf = (tags: number): TagCrf => ({
  transitions: new Float32Array(tags * tags),
  start: new Float32Array(tags),
  end: new Float32Array(tags),
});

async function read(path: string, options: FineTuneTagOptions, facts?: TaggerFacts): Promise<Labelled<TagTypes>> {
  const { texts, report, remarks } = await readTagged(
    path,
    pick(options, [
      'conll',
      'column',
      'tagColumn',
      'scheme',
      'wrongTags',
      'textField',
      'entitiesField',
      'tokensField',
      'tagsField',
      ...FILE_OPTIONS,
    ]),
  );
  const labels = sortLabels(new Set(texts.flatMap(({ entities }) => entities.map(({ label }) => label))));
  if (!facts && labels.length === 0)
    throw new AlbertineError('invalid_data', `${path} has no entity: there is nothing to learn`, { value: path });
  const known = facts && new Set(facts.tags.map((tag) => tag.replace(/^[BI][-_]/, '')));
  const unknown = known ? labels.filter((label) => !known.has(label)) : [];
  const tags = facts?.tags ?? ['O', ...labels.flatMap((label) => [`B-${label}`, `I-${label}`])];
  const all: Labelled<TagTypes> = {
    rows: texts.map(({ text, words, entities }) => ({ input: { text, ...(words && { words }) }, gold: entities })),
    facts: facts ?? {
      tags,
      characters: false,
      allTokens: options.labelAllTokens ?? false,
      ...(options.crf && { crf: freshCrf(tags.length) }),
    },
    report,
    remarks: [
      ...remarks,
      ...(unknown.length > 0
        ? [`labels that the model does not know, which it cannot find: ${unknown.join(', ')}`]
        : []),
    ],
  };
  return all;
}

/** Chinese characters by themselves, where the vocabulary's pieces would hide where an entity begins or ends. */
function chooseCharacters(
  train: Labelled<TagTypes>,
  options: FineTuneTagOptions,
  tokenizer: Tokenizer,
): { facts: TaggerFacts; remarks: string[] } {
  const { characters: when = 'auto' } = options;
  const entities = train.rows.reduce((sum, { gold }) => sum + gold.length, 0);
  const hidden = train.rows.reduce(
    (sum, { input, gold }) => sum + countHidden(placeTokens(tokenizer, textOf(input), false), gold),
    0,
  );
  const characters = when === 'on' || (when === 'auto' && hidden > 0);
  const why = `${hidden.toLocaleString('en-US')} of ${entities.toLocaleString('en-US')} entities begin or end inside a piece of the vocabulary`;
  return {
    facts: { ...train.facts, characters },
    remarks:
      hidden === 0
        ? []
        : [characters ? `${why}: Chinese characters are tokenised one by one` : `${why} and cannot be found exactly`],
  };
}

/** Entities with an end inside a token. */
function countHidden(tokens: readonly { start: number; end: number }[], entities: readonly Span[]): number {
  const inside = new Set<number>();
  for (const { start, end } of tokens) for (let at = start + 1; at < end; at++) inside.add(at);
  return entities.filter(({ start, end }) => inside.has(start) || inside.has(end)).length;
}

const textOf = (input: TagTypes['input']): string => (typeof input === 'string' ? input : input.text);
const wordsOf = (input: TagTypes['input']): readonly Range[] =>
  (typeof input === 'string' ? undefined : input.words) ?? segmentWords(textOf(input));

function describe({ train, evaluation }: Splits<TagTypes>): DataReport {
  const count = ({ rows }: Labelled<TagTypes>): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { gold } of rows) for (const { label } of gold) counts[label] = (counts[label] ?? 0) + 1;
    return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
  };
  const found = count(train);
  // Words are what entities are made of: one that begins inside a word is found with the whole of it.
  const torn = train.rows.reduce(
    (sum, { input, gold }) =>
      sum +
      countHidden(
        wordsOf(input).map(([start, end]) => ({ start, end })),
        gold,
      ),
    0,
  );
  const total = Object.values(found).reduce((sum, own) => sum + own, 0);
  return {
    remarks: [
      `entities: ${Object.entries(found)
        .slice(0, 8)
        .map(([label, own]) => `${label} ${own.toLocaleString('en-US')}`)
        .join(', ')}${Object.keys(found).length > 8 ? ' ...' : ''}`,
    ],
    warnings:
      torn > 0 ? [`${torn} of ${total} entities begin or end inside a word, and are learned as whole words`] : [],
    info: { classCounts: { train: found, evaluation: count(evaluation) } },
  };
}

/** A window each; the target is the tag of every token that is trained on, -1 for others. */
function unitsOf(
  pieces: readonly TagPiece[],
  gold: readonly Span[],
  { tags, allTokens }: TaggerFacts,
): Unit<Int32Array>[] {
  const { tokens, words } = pieces[0];
  const targets = new Int32Array(tokens.length).fill(-1);
  const overlapping = words.map(([start, end]) => gold.findIndex((span) => span.start < end && span.end > start));
  const spans = overlapping.flatMap((entity, word) =>
    entity >= 0 && overlapping[word - 1] !== entity
      ? [
          {
            label: gold[entity].label,
            start: word,
            end: overlapping.findIndex((other, at) => at > word && other !== entity),
          },
        ]
      : [],
  );
  const wordTags = tagsOfEntities(
    spans.map((span) => ({ ...span, end: span.end < 0 ? words.length : span.end })),
    words.length,
  );
  taggedUnits(tokens, words).forEach(({ tokens: own, words: [word] }) => {
    const tag = wordTags[word];
    own.forEach((token, i) => {
      if (targets[token] >= 0 || (i > 0 && !allTokens)) return;
      targets[token] = Math.max(0, tags.indexOf(i === 0 ? tag : tag.replace(/^B-/, 'I-')));
    });
  });
  return pieces.map((piece) => {
    const target = new Int32Array(piece.ids.length).fill(-1);
    for (let token = piece.own[0]; token < piece.own[1]; token++) target[1 + token - piece.first] = targets[token];
    return { pieces: [piece], target, weight: target.reduce((sum, tag) => sum + (tag >= 0 ? 1 : 0), 0) };
  });
}

function feedsOf({ units, sequenceLength, totalWeight }: UnitBatch<Int32Array>): HeadFeeds {
  const size = units.length * sequenceLength;
  const [labels, weights] = [new Array<number>(size).fill(0), new Float32Array(size)];
  units.forEach(({ target }, row) =>
    target.forEach((tag, at) => {
      if (tag < 0) return;
      labels[row * sequenceLength + at] = tag;
      weights[row * sequenceLength + at] = 1 / totalWeight;
    }),
  );
  return { feeds: { labels: int64([size], labels), rowWeights: float32([size], weights) } }; // [batch*sequence]
}

/** A chain each: the tokens that have a tag, one for each word. */
function chainsOf({ units, sequenceLength, totalWeight }: UnitBatch<Int32Array>): HeadFeeds {
  const chains = units.map(({ pieces, target }, row) => {
    const { own, tokens } = pieces[0] as TagPiece;
    const places = Array.from(target.keys()).filter((at) => target[at] >= 0);
    return {
      rows: places.map((at) => row * sequenceLength + at),
      labels: places.map((at) => target[at]),
      begins: own[0] === 0,
      ends: own[1] === tokens.length,
    };
  });
  // Shared out over words, as the loss without a CRF is: sums of both have the same size.
  return chainFeeds(
    chains,
    chains.map(() => 1 / totalWeight),
  );
}
