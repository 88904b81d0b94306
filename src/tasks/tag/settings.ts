import type { Settings } from '../../core/settings.ts';
import { TAG_SCHEMES } from '../../metrics/entities.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/**
 * What the transitions of a CRF learn faster by (AdamW) than the rest of a fine-tuned network, which starts near its
 * goal.
 */
export const CRF_RATE = 100;

/** Where entities stand in a file. */
export const TAGGED_SETTINGS = {
  conll: {
    kind: 'flag',
    help: 'entities: read lines of a word and its tag, whatever the file is called. Default: where its name ends in nothing known, or in .txt',
  },
  column: {
    kind: 'number',
    integer: true,
    min: 1,
    help: "entities, lines of words: number of the word's column. Default: 1",
  },
  tagColumn: {
    kind: 'number',
    integer: true,
    min: 1,
    help: "entities, lines of words: number of the tag's column. Default: the last",
  },
  scheme: {
    kind: 'text',
    values: ['auto', ...TAG_SCHEMES],
    help: `entities: how tags mark them: ${TAG_SCHEMES.join(', ')}. Default: found from the tags`,
  },
  wrongTags: {
    kind: 'text',
    values: ['repair', 'stop'],
    placeholder: 'action',
    help: 'entities: what to do with tags that the scheme does not allow: repair (read as conlleval does, counted) or stop. Default: repair',
  },
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  entitiesField: {
    kind: 'text',
    help: 'entities: field of the list of { label, start, end } in UTF-16 units. Default: entities',
  },
  tokensField: { kind: 'text', help: 'entities: field of the list of words. Default: tokens' },
  tagsField: { kind: 'text', help: 'entities: field of the list of tags. Default: tags' },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** Shared by several verbs. */
export const ASKING = {
  aggregation: {
    kind: 'text',
    values: ['first', 'average', 'max', 'simple'],
    placeholder: 'how',
    help: 'entities: how the tokens of a word say its tag: the first, the average or the surest of them; simple: every token has a tag of its own. Default: as it was trained',
  },
  decoding: {
    kind: 'text',
    values: ['viterbi', 'greedy'],
    placeholder: 'how',
    help: 'entities: the best sequence of tags as a whole, or the best tag of one word after the other. Default: viterbi',
  },
  stride: {
    kind: 'number',
    integer: true,
    min: 0,
    help: 'tokens that consecutive windows of a long text share. Default: answers a third, entities a quarter of a window',
  },
} as const satisfies Settings;

/** Of `finetune tag`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  train: {
    ...DATA_SETTINGS.train,
    help: 'texts with entities: lines of a word and its tag with blank lines between sentences (CoNLL, or a Chinese character a line; any ending), or .jsonl, .csv, .parquet with text and entities or tokens and tags',
  },
  ...TAGGED_SETTINGS,
  labelAllTokens: { kind: 'flag', help: 'train on all tokens of a word, not on the first alone' },
  crf: {
    kind: 'flag',
    help: 'learn which tags follow each other too (a linear-chain CRF on the logits), which decoding then weighs',
  },
  crfRate: {
    kind: 'number',
    above: 0,
    placeholder: 'factor',
    help: "factor on the learning rate of the CRF's transitions, which begin at 0",
    usual: `${CRF_RATE} with adamw; lamb and sgd, whose rates are higher, 10 and 1`,
  },
  characters: {
    kind: 'text',
    values: ['auto', 'on', 'off'],
    placeholder: 'when',
    help: 'tokenise Chinese characters one by one, so that an entity can begin inside a piece of the vocabulary. Default: auto, where some entity of --train needs it',
  },
  ...ASKING,
  metric: { kind: 'text', help: "the evaluation's figure by which the best weights are kept. Default: f1" },
  ...TUNING_SETTINGS,
} as const satisfies Settings;
