/**
 * Ids without an owner under which models of families that are read here were published before owners came (2022); the
 * hub forwards them, and gives no new ones.
 */
const LEGACY_NAMES: ReadonlySet<string> = new Set([
  ...['base', 'large', 'xlarge', 'xxlarge'].flatMap((size) => [`albert-${size}-v1`, `albert-${size}-v2`]),
  ...['base', 'large'].flatMap((size) => [`bert-${size}-cased`, `bert-${size}-uncased`]),
  ...['cased', 'uncased'].flatMap((letters) => [
    `bert-base-multilingual-${letters}`,
    `bert-base-german-dbmdz-${letters}`,
    `bert-large-${letters}-whole-word-masking`,
    `bert-large-${letters}-whole-word-masking-finetuned-squad`,
  ]),
  'bert-base-cased-finetuned-mrpc',
  'bert-base-chinese',
  'bert-base-german-cased',
  'distilroberta-base',
  'roberta-base',
  'roberta-base-openai-detector',
  'roberta-large',
  'roberta-large-mnli',
  'roberta-large-openai-detector',
  'xlm-roberta-base',
  'xlm-roberta-large',
  ...['02-dutch', '02-spanish', '03-english', '03-german'].map((set) => `xlm-roberta-large-finetuned-conll${set}`),
]);

/** Whether a name without an owner is one of the few hub ids of this kind. */
export const isLegacyName = (name: string): boolean => LEGACY_NAMES.has(name);

/** All of them, for finding what a misspelt one was meant to be. */
export const legacyNames = (): Iterable<string> => LEGACY_NAMES;
