import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import type { Weight } from '../model/parameters.ts';
import type { TensorInfo, TensorSource } from './tensor-source.ts';
import { openTfBundle, type TfBundle } from './tf-bundle.ts';

/** A TensorFlow checkpoint under Hugging Face's names and in its layout. */
export interface TfCheckpoint extends TensorSource {
  /** Variables that are not weights: optimizer slots, counters, averages. */
  readonly ignored: readonly string[];
  /**
   * Width of the embeddings after reading. Equal to the hidden size for checkpoints of brightmart/albert_zh's first
   * layout, which project words before adding positions: their two factors are multiplied out, since the ALBERT graph
   * has no such step.
   */
  readonly embeddingSize: number | undefined;
}

/** How one of our tensors is made from variables. */
interface Recipe extends TensorInfo {
  /** Variables needed, in the order that `make` takes them. */
  from: string[];
  make: (...weights: Weight[]) => Weight;
}

const WORDS = 'bert/embeddings/word_embeddings';
/** Second factor of the word embeddings in brightmart's first layout, [embedding, hidden]. */
const WORD_PROJECTION = 'bert/embeddings/word_embeddings_2';
const MAPPING = 'albert.encoder.embedding_hidden_mapping_in';
const WORD_EMBEDDINGS = 'albert.embeddings.word_embeddings.weight';

/**
 * Opens the checkpoint `prefix.index` written by Google's or brightmart's ALBERT code. Names are those of Hugging Face
 * (as its own converter maps them), kernels are transposed to `[outputs, inputs]`, optimizer slots are left out and
 * counted. Where Google's code has no mapping from embedding to hidden size because they are equal, the identity is
 * supplied.
 */
export async function openTfCheckpoint(files: FileSource, prefix: string): Promise<TfCheckpoint> {
  const bundle = await openTfBundle(files, prefix);
  const recipes = new Map<string, Recipe>();
  const ignored: string[] = [];
  for (const [variable, info] of bundle.variables) {
    if (isBookkeeping(variable)) ignored.push(variable);
    else if (variable !== WORD_PROJECTION) {
      const { name, transposed } = albertName(variable);
      const shape = transposed ? info.shape.toReversed() : info.shape;
      recipes.set(name, {
        shape,
        dtype: info.dtype ?? 'U8',
        from: [variable],
        make: transposed ? transpose : (weight) => weight,
      });
    }
  }
  mergeWordFactors(bundle, recipes);
  supplyIdentityMapping(recipes);
  return {
    source: `tensorflow: ${prefix}.index`,
    tensors: recipes,
    ignored,
    embeddingSize: recipes.get(WORD_EMBEDDINGS)?.shape[1],
    read: (names) => readRecipes(bundle, recipes, names),
  };
}

/**
 * Optimizer slots (`adam_m`, `adam_v`, LAMB's are called the same), step counters, moving averages, and TensorFlow 2's
 * object graph.
 */
function isBookkeeping(variable: string): boolean {
  return (
    /(^|\/)(adam_[mv]|m|v|Adam(_1)?|LAMB(_1)?|[A-Za-z]*WeightDecayOptimizer(_1)?|ExponentialMovingAverage|global_step|beta[12]_power|save_counter|_CHECKPOINTABLE_OBJECT_GRAPH)(\/|$)/.test(
      variable,
    ) ||
    variable.includes('.OPTIMIZER_SLOT') ||
    /^optimizer\//.test(variable)
  );
}

const LAYER_PARTS: Record<string, string> = {
  // Google's names below group_N/inner_group_M.
  'attention/self/query': 'attention.query',
  'attention/self/key': 'attention.key',
  'attention/self/value': 'attention.value',
  'attention/output/dense': 'attention.dense',
  LayerNorm: 'attention.LayerNorm',
  'ffn/intermediate/dense': 'ffn',
  'ffn/intermediate/output/dense': 'ffn_output',
  LayerNorm_1: 'full_layer_layer_norm',
  // brightmart's first layout keeps BERT's names below layer_shared.
  'attention/output/LayerNorm': 'attention.LayerNorm',
  'intermediate/dense': 'ffn',
  'output/dense': 'ffn_output',
  'output/LayerNorm': 'full_layer_layer_norm',
};
const OUTER_PARTS: Record<string, string> = {
  'bert/embeddings/LayerNorm': 'albert.embeddings.LayerNorm',
  'bert/encoder/embedding_hidden_mapping_in': MAPPING,
  'bert/pooler/dense': 'albert.pooler',
  'cls/predictions/transform/dense': 'predictions.dense',
  'cls/predictions/transform/LayerNorm': 'predictions.LayerNorm',
};
/**
 * Variables that are not a dense layer's or a LayerNorm's pair; task heads are stored as `[labels, hidden]` already.
 */
const SINGLE_VARIABLES: Record<string, string> = {
  [WORDS]: WORD_EMBEDDINGS,
  'bert/embeddings/position_embeddings': 'albert.embeddings.position_embeddings.weight',
  'bert/embeddings/token_type_embeddings': 'albert.embeddings.token_type_embeddings.weight',
  'cls/predictions/output_bias': 'predictions.bias',
  'cls/seq_relationship/output_weights': 'sop_classifier.classifier.weight',
  'cls/seq_relationship/output_bias': 'sop_classifier.classifier.bias',
  'cls/squad/output_weights': 'qa_outputs.weight',
  'cls/squad/output_bias': 'qa_outputs.bias',
  output_weights: 'classifier.weight',
  output_bias: 'classifier.bias',
};
const SUFFIXES: Record<string, string> = { kernel: 'weight', bias: 'bias', gamma: 'weight', beta: 'bias' };

/** Hugging Face's name of a variable; unknown variables keep theirs and are later reported as unexpected. */
function albertName(variable: string): { name: string; transposed: boolean } {
  const plain = variable.replace(/^module\//, '').replace(/\/\.ATTRIBUTES\/VARIABLE_VALUE$/, '');
  if (Object.hasOwn(SINGLE_VARIABLES, plain)) return { name: SINGLE_VARIABLES[plain], transposed: false };
  const split = plain.lastIndexOf('/');
  const suffix = SUFFIXES[plain.slice(split + 1)];
  const stem = plain.slice(0, Math.max(0, split));
  const found = { name: `${outerName(stem) ?? ''}.${suffix}`, transposed: plain.endsWith('/kernel') };
  return suffix && outerName(stem) ? found : { name: variable, transposed: false };
}

function outerName(stem: string): string | undefined {
  if (Object.hasOwn(OUTER_PARTS, stem)) return OUTER_PARTS[stem];
  const match = /^bert\/encoder\/(?:transformer\/group_(\d+)\/inner_group_(\d+)|layer_shared)\/(.+)$/.exec(stem);
  if (!match) return undefined;
  const [, group = '0', layer = '0', rest] = match;
  const part = LAYER_PARTS[rest.replace(/^(attention|ffn)_1\//, '$1/')];
  return part && `albert.encoder.albert_layer_groups.${group}.albert_layers.${layer}.${part}`;
}

/**
 * Replaces the two factors of brightmart's first layout by their product, so that positions can be added at full width.
 */
function mergeWordFactors(bundle: TfBundle, recipes: Map<string, Recipe>): void {
  const projection = bundle.variables.get(WORD_PROJECTION);
  const words = recipes.get(WORD_EMBEDDINGS);
  if (!projection || !words) return;
  if (projection.shape.length !== 2 || words.shape[1] !== projection.shape[0]) {
    throw new AlbertineError(
      'weights_mismatch',
      `${WORDS} [${words.shape.join(', ')}] and ${WORD_PROJECTION} [${projection.shape.join(', ')}] do not fit together`,
    );
  }
  recipes.set(WORD_EMBEDDINGS, {
    shape: [words.shape[0], projection.shape[1]],
    dtype: words.dtype,
    from: [WORDS, WORD_PROJECTION],
    make: multiply,
  });
}

function supplyIdentityMapping(recipes: Map<string, Recipe>): void {
  const embeddingSize = recipes.get(WORD_EMBEDDINGS)?.shape[1];
  const hiddenSize = recipes.get('albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight')
    ?.shape[0];
  if (recipes.has(`${MAPPING}.weight`) || embeddingSize === undefined || embeddingSize !== hiddenSize) return;
  recipes.set(`${MAPPING}.weight`, {
    shape: [hiddenSize, hiddenSize],
    dtype: 'F32',
    from: [],
    make: () => identity(hiddenSize),
  });
  recipes.set(`${MAPPING}.bias`, {
    shape: [hiddenSize],
    dtype: 'F32',
    from: [],
    make: () => ({ shape: [hiddenSize], data: new Float32Array(hiddenSize) }),
  });
}

async function readRecipes(
  bundle: TfBundle,
  recipes: ReadonlyMap<string, Recipe>,
  names: readonly string[],
): Promise<Map<string, Weight>> {
  const wanted = names.map((name): [string, Recipe] => {
    const recipe = recipes.get(name);
    if (!recipe) throw new AlbertineError('not_found', `${bundle.prefix} has no tensor ${name}`, { value: name });
    return [name, recipe];
  });
  const variables = await bundle.read([...new Set(wanted.flatMap(([, { from }]) => from))]);
  return new Map(
    wanted.map(([name, { from, make }]) => [name, make(...from.map((variable) => variables.get(variable)!))]),
  );
}

/** `[inputs, outputs]` to `[outputs, inputs]`, in blocks that fit the cache. */
function transpose({ shape: [rows, columns], data }: Weight): Weight {
  const out = new Float32Array(data.length);
  const block = 32;
  for (let top = 0; top < rows; top += block) {
    for (let left = 0; left < columns; left += block) {
      const bottom = Math.min(rows, top + block);
      const right = Math.min(columns, left + block);
      for (let row = top; row < bottom; row++)
        for (let column = left; column < right; column++) out[column * rows + row] = data[row * columns + column];
    }
  }
  return { shape: [columns, rows], data: out };
}

/** `[words, embedding] x [embedding, hidden]`, summed in double precision. */
function multiply(words: Weight, projection: Weight): Weight {
  const [count, inner] = words.shape;
  const width = projection.shape[1];
  const data = new Float32Array(count * width);
  const row = new Float64Array(width);
  for (let word = 0; word < count; word++) {
    row.fill(0);
    for (let k = 0; k < inner; k++) {
      const factor = words.data[word * inner + k];
      for (let column = 0; column < width; column++) row[column] += factor * projection.data[k * width + column];
    }
    data.set(row, word * width);
  }
  return { shape: [count, width], data };
}

function identity(size: number): Weight {
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 1;
  return { shape: [size, size], data };
}
