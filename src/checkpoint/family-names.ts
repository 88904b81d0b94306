import { modelTypeOf, type AlbertConfig, type ModelType } from '../model/config.ts';
import type { HeadName } from '../model/heads.ts';
import { layerPrefix } from '../model/parameters.ts';

/*
 * Weights of BERT, RoBERTa and XLM-R under our names and under their own. Inside the package every family has ALBERT's
 * names, so that training, int8 and export know one set; only files differ.
 */

/** Parts of a layer: theirs, ours. */
const LAYER_PARTS: readonly (readonly [theirs: string, ours: string])[] = [
  ['attention.self.query', 'attention.query'],
  ['attention.self.key', 'attention.key'],
  ['attention.self.value', 'attention.value'],
  ['attention.output.dense', 'attention.dense'],
  ['attention.output.LayerNorm', 'attention.LayerNorm'],
  ['intermediate.dense', 'ffn'],
  ['output.dense', 'ffn_output'],
  ['output.LayerNorm', 'full_layer_layer_norm'],
];

/**
 * Weights outside the layers, beneath the family's own prefix or beside it: theirs, ours. The first that fits counts.
 */
const BERT_PARTS: readonly (readonly [theirs: string, ours: string])[] = [
  ['embeddings', 'albert.embeddings'],
  ['pooler.dense', 'albert.pooler'],
  ['cls.predictions.transform', 'predictions'],
  ['cls.predictions', 'predictions'],
];
const ROBERTA_PARTS: readonly (readonly [theirs: string, ours: string])[] = [
  ['embeddings', 'albert.embeddings'],
  ['pooler.dense', 'albert.pooler'],
  ['lm_head.layer_norm', 'predictions.LayerNorm'],
  ['lm_head', 'predictions'],
];
/**
 * RoBERTa's classifier has the pooler inside: a dense layer and tanh on the first token, then the output. Its other
 * heads read the tokens, or the pooler where ALBERT's stands.
 */
const ROBERTA_CLASSIFIER: readonly (readonly [theirs: string, ours: string])[] = [
  ['classifier.dense', 'albert.pooler'],
  ['classifier.out_proj', 'classifier'],
];

const partsOf = (type: ModelType): typeof BERT_PARTS => (type === 'bert' ? BERT_PARTS : ROBERTA_PARTS);
const rename = (name: string, from: string, to: string): string | undefined =>
  name.startsWith(`${from}.`) ? to + name.slice(from.length) : undefined;

/**
 * Our name of a weight of a family's file; others, and those that are ours already, stay as they are. `names` are all
 * of the file.
 */
export function canonicalName(name: string, type: ModelType, names: ReadonlyMap<string, unknown>): string {
  const plain = name.replace(/^(bert|roberta)\.(?=(embeddings|encoder|pooler)\.)/, '');
  const layer = /^encoder\.layer\.(\d+)\.(.+)\.(weight|bias)$/.exec(plain);
  if (layer) {
    const part = LAYER_PARTS.find(([theirs]) => theirs === layer[2]);
    return part ? `${layerPrefix(Number(layer[1]), 0)}.${part[1]}.${layer[3]}` : name;
  }
  const hasOwnPooler = type !== 'bert' && names.has('classifier.dense.weight');
  // A pooler beside such a classifier is read by nothing.
  if (hasOwnPooler && plain.startsWith('pooler.')) return name;
  for (const [theirs, ours] of [...(hasOwnPooler ? ROBERTA_CLASSIFIER : []), ...partsOf(type)]) {
    const renamed = rename(plain, theirs, ours);
    if (renamed !== undefined) return renamed;
  }
  return name;
}

/**
 * A weight as files of the config's family name it; `heads` are those of the file, without which its encoder has no
 * prefix.
 */
export function familyName(name: string, config: AlbertConfig, heads: readonly HeadName[]): string {
  const type = modelTypeOf(config);
  if (type === 'albert') return name;
  const prefix = heads.length === 0 ? '' : type === 'bert' ? 'bert.' : 'roberta.';
  const layer = /^albert\.encoder\.albert_layer_groups\.(\d+)\.albert_layers\.0\.(.+)\.(weight|bias)$/.exec(name);
  const part = layer && LAYER_PARTS.find(([, ours]) => ours === layer[2]);
  if (layer && part) return `${prefix}encoder.layer.${layer[1]}.${part[0]}.${layer[3]}`;
  const isRobertaClassifier = type !== 'bert' && heads.includes('sequenceClassification');
  for (const [theirs, ours] of [...(isRobertaClassifier ? ROBERTA_CLASSIFIER : []), ...partsOf(type)]) {
    // `predictions.` stands for two of theirs: the dense layer and its norm, and the output's bias.
    if (theirs === 'cls.predictions.transform' && !/^predictions\.(dense|LayerNorm)\./.test(name)) continue;
    const renamed = rename(name, ours, theirs);
    if (renamed !== undefined)
      return ours.startsWith('albert.') && !theirs.startsWith('classifier') ? prefix + renamed : renamed;
  }
  return name;
}
