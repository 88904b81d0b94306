import type { Settings } from '../../core/settings.ts';
import { TAG_SCHEMES } from '../../metrics/entities.ts';
import type { TaskManual } from '../manual.ts';
import { DATA_SETTINGS, EVALUATE_SETTINGS, FILE_SETTINGS, PREDICT_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Where entities stand in a file. */
export const TAGGED_SETTINGS = {
  conll: { kind: 'flag', help: 'entities: read lines of a word and its tag, whatever the file is called. Default: where its name ends in nothing known, or in .txt' },
  column: { kind: 'number', integer: true, min: 1, help: 'entities, lines of words: number of the word\'s column. Default: 1' },
  tagColumn: { kind: 'number', integer: true, min: 1, help: 'entities, lines of words: number of the tag\'s column. Default: the last' },
  scheme: { kind: 'text', values: ['auto', ...TAG_SCHEMES], help: `entities: how tags mark them: ${TAG_SCHEMES.join(', ')}. Default: found from the tags` },
  wrongTags: { kind: 'text', values: ['repair', 'stop'], placeholder: 'action', help: 'entities: what to do with tags that the scheme does not allow: repair (read as conlleval does, counted) or stop. Default: repair' },
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  entitiesField: { kind: 'text', help: 'entities: field of the list of { label, start, end } in UTF-16 units. Default: entities' },
  tokensField: { kind: 'text', help: 'entities: field of the list of words. Default: tokens' },
  tagsField: { kind: 'text', help: 'entities: field of the list of tags. Default: tags' },
  ...FILE_SETTINGS,
} as const satisfies Settings;

const ASKING = {
  aggregation: { kind: 'text', values: ['first', 'average', 'max', 'simple'], placeholder: 'how', help: 'entities: how the tokens of a word say its tag: the first, the average or the surest of them; simple: every token has a tag of its own. Default: as it was trained' },
  decoding: { kind: 'text', values: ['viterbi', 'greedy'], placeholder: 'how', help: 'entities: the best sequence of tags as a whole, or the best tag of one word after the other. Default: viterbi' },
  stride: { kind: 'number', integer: true, min: 0, help: 'tokens that consecutive windows of a long text share. Default: answers a third, entities a quarter of a window' },
} as const satisfies Settings;

/** Texts into the entities in them. */
export const tagManual: TaskManual = {
  name: 'tag',
  head: 'tokenClassification',
  noun: 'a tagger',
  finetune: {
    summary: 'texts into the entities in them, with their places',
    description: 'Fine-tunes a checkpoint into a tagger: names, places, products ... in texts of any length, with UTF-16 offsets.',
    settings: {
      ...DATA_SETTINGS,
      train: { ...DATA_SETTINGS.train, help: 'texts with entities: lines of a word and its tag with blank lines between sentences (CoNLL, or a Chinese character a line; any ending), or .jsonl, .csv, .parquet with text and entities or tokens and tags' },
      ...TAGGED_SETTINGS,
      labelAllTokens: { kind: 'flag', help: 'train on all tokens of a word, not on the first alone' },
      characters: { kind: 'text', values: ['auto', 'on', 'off'], placeholder: 'when', help: 'tokenise Chinese characters one by one, so that an entity can begin inside a piece of the vocabulary. Default: auto, where some entity of --train needs it' },
      ...ASKING,
      metric: { kind: 'text', help: 'the evaluation\'s figure by which the best weights are kept. Default: f1' },
      ...TUNING_SETTINGS,
    },
    training: {
      epochs: 'as many as give 600 steps, at least 3 and at most 20', batchSize: '16', dropout: 'hidden, attention and classifier dropout. Default: the checkpoint\'s',
      maxLength: '128, or as many as the model takes; longer texts are read in windows', evaluateEvery: 'an epoch', microBatches: true,
    },
    saved: 'the model with its tags, as Hugging Face\'s transformers loads it (AlbertForTokenClassification)',
    facts: 'entities of each label',
    shown: ['f1', 'precision', 'recall', 'macroF1'],
    manual: `
Data
  Lines      Angela B-PER           {"text":"Angela Merkel lives in Berlin","entities":[{"label":"PER","start":0,"end":13},{"label":"LOC","start":23,"end":29}]}
             Merkel I-PER           {"tokens":["Angela","Merkel","lives"],"tags":["B-PER","I-PER","O"]}
  Every word has one label: entities that overlap are refused. Texts longer than the model are read in overlapping windows; no entity is lost.

Examples
  albertine finetune tag --train train.conll --eval dev.conll --output tagger
  albertine finetune tag --train people.jsonl --output tagger --epochs 5
Then
  albertine evaluate tagger --data test.conll
  albertine predict tagger "Angela Merkel lives in Berlin"
`,
  },
  evaluate: {
    settings: { ...TAGGED_SETTINGS, ...ASKING, ...EVALUATE_SETTINGS },
    json: '"f1", "precision", "recall" over all entities (label and both ends right), "macroF1", "weightedF1", with "entities" and "perLabel"',
    examples: ['albertine evaluate tagger --data test.conll --json | jq .f1'],
  },
  predict: {
    settings: { ...ASKING, ...PREDICT_SETTINGS },
    output: '{"index":0,"entities":[{"label":"PER","start":0,"end":13,"text":"Angela Merkel","score":0.98}],"tokenCount":6,"windows":1,"truncatedTokens":0}\n    "start" and "end" are UTF-16 positions in the text. Tables have the list as JSON.',
    examples: ['albertine predict tagger "Angela Merkel lives in Berlin"', 'albertine predict tagger news.jsonl --text-field body --output entities.jsonl'],
  },
  load: async () => (await import('./verbs-node.ts')).tagVerbs,
};
