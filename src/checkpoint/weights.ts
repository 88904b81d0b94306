import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { modelTypeOf, type AlbertConfig, type ModelType } from '../model/config.ts';
import type { EncoderInt8 } from '../model/encoder.ts';
import { requireFiniteWeights } from '../model/finite.ts';
import { headParameters, headsPresent, optionalPart, type HeadName } from '../model/heads.ts';
import { encoderParameters, poolerParameters, type ParameterSpec, type Weights } from '../model/parameters.ts';
import { canonicalName, familyName } from './family-names.ts';
import { isQuantizedDense } from './int8.ts';
import type { StorageDtype } from './safetensors.ts';
import type { TensorInfo, TensorSource } from './tensor-source.ts';
import { findWeights, openWeightFiles } from './weight-files.ts';

/** What {@link loadWeights} takes besides the files. */
export interface LoadWeightsOptions {
  /** Heads to load where present. Default: every head that the file has. `[]` loads the encoder alone. */
  heads?: HeadName[];
  /**
   * Outputs that a classification head must have; a head with another number is then a mismatch. Default: as stored.
   */
  numLabels?: number;
  /** `architectures` of the config: tells what a `classifier` is for when `heads` does not. */
  architectures?: string[];
  /**
   * Of an int8 checkpoint: keeps the layers' dense weights as bytes (`LoadedWeights.int8`) and leaves them out of
   * `weights`. Default false: they become floats, so that everything that reads f32 weights reads this.
   */
  int8?: boolean;
  /**
   * Lets weights that hold NaN or infinity pass, for callers who check what comes out. Default false: they throw
   * `not_finite` naming the tensors.
   */
  allowNonFinite?: boolean;
}

/** Weights under their canonical names, and what was and was not found. */
export interface LoadedWeights {
  /** By canonical name. */
  weights: Weights;
  /** Heads loaded, complete. */
  heads: HeadName[];
  /** Heads that the file has but that were not asked for. */
  unusedHeads: HeadName[];
  /** Tensors of the file that belong to nothing we know. */
  unexpected: string[];
  /** Tensors that a checkpoint may lack (the pooler's) and this one does. */
  missingOptional: string[];
  /** Type in which most encoder values are stored; they are 32-bit floats here. */
  dtype: StorageDtype;
  /** Format and files, for reports. */
  source: string;
  /** Present when an int8 checkpoint was read with `int8: true`. */
  int8?: EncoderInt8;
}

/**
 * Reads the weights of a checkpoint folder (see `openCheckpoint` for the files looked for and their order). Missing,
 * unexpected or misshapen encoder tensors, or an incomplete requested head, throw one `weights_mismatch` listing all of
 * them; NaN and infinite values throw `not_finite`.
 */
export async function loadWeights(
  files: FileSource,
  config: AlbertConfig,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const found = await findWeights(files);
  return loadFromSource(await openWeightFiles(files, found.chosen), config, options);
}

const TIED_DECODER = 'predictions.decoder.weight';
const TIED_BIAS = 'predictions.decoder.bias';
const MLM_BIAS = 'predictions.bias';
const WORD_EMBEDDINGS = 'albert.embeddings.word_embeddings.weight';
/** Index tensors that older versions of `transformers` saved. */
const BUFFER = /(^|\.)(position_ids|token_type_ids)$/;

/** As {@link loadWeights}, from tensors already opened. */
export async function loadFromSource(
  source: TensorSource,
  config: AlbertConfig,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const stored = canonicalNames(source, modelTypeOf(config));
  const problems: string[] = [];
  const wanted = encoderParameters(config);
  const missingOptional: string[] = [];
  const pooler = poolerParameters(config);
  if (pooler.some(({ name }) => stored.has(name))) wanted.push(...pooler);
  else missingOptional.push(...pooler.map(({ name }) => name));

  const present = headsPresent((name) => stored.has(name), {
    wanted: options.heads,
    architectures: options.architectures,
  });
  const heads = present.filter((head) => options.heads?.includes(head) ?? true);
  const numLabels = options.numLabels ?? labelCount(stored, source);
  const partsOf = (head: HeadName): ParameterSpec[] => [
    ...headParameters(config, head, numLabels),
    ...(optionalPart(head, (name) => stored.has(name))?.parameters(numLabels ?? 0) ?? []),
  ];
  for (const head of heads) wanted.push(...partsOf(head));
  const shownAs = (name: string): string => familyName(name, config, heads);
  for (const spec of wanted) problems.push(...checkTensor(spec, { stored, source, shownAs }));

  const known = new Set([
    ...wanted.map(({ name }) => name),
    TIED_DECODER,
    TIED_BIAS,
    ...present.flatMap(partsOf).map(({ name }) => name),
  ]);
  const unknown = [...stored.keys()].filter((name) => !known.has(name) && !BUFFER.test(name));
  const isEncoderName = (name: string) => /^albert\.(embeddings|encoder)\./.test(name);
  for (const name of unknown.filter(isEncoderName))
    problems.push(`${shownAs(name)} [${source.tensors.get(stored.get(name)!)!.shape.join(', ')}] is unexpected`);
  if (problems.length > 0) throw mismatch(problems, source);

  const tied = heads.includes('maskedLm') ? [TIED_DECODER, TIED_BIAS].filter((name) => stored.has(name)) : [];
  const names = [...wanted.map(({ name }) => name), ...tied].filter(
    (name) => !(options.int8 && isQuantizedDense(name)),
  );
  const values = await source.read(names.map((name) => stored.get(name)!));
  const weights: Weights = new Map(names.map((name) => [name, values.get(stored.get(name)!)!]));
  checkTied(weights, source);
  if (!options.allowNonFinite) requireFiniteWeights(weights, source.source);
  return {
    weights,
    heads,
    missingOptional,
    unusedHeads: present.filter((head) => !heads.includes(head)),
    unexpected: unknown.filter((name) => !isEncoderName(name)),
    dtype: mainDtype(encoderParameters(config).map(({ name }) => source.tensors.get(stored.get(name)!)!)),
    source: source.source,
  };
}

/**
 * Our names to the file's: those of other families, the `albert.` prefix that base models lack, `DataParallel`'s and
 * the oldest LayerNorm names undone.
 */
function canonicalNames(source: TensorSource, type: ModelType): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of source.tensors.keys()) {
    const plain = name
      .replace(/^module\./, '')
      .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    const ours = type === 'albert' ? plain : canonicalName(plain, type, source.tensors);
    names.set(/^(embeddings|encoder|pooler)\./.test(ours) ? `albert.${ours}` : ours, name);
  }
  // A decoder's bias is the same parameter as the head's; keep whichever the file has.
  if (!names.has(MLM_BIAS) && names.has(TIED_BIAS)) {
    names.set(MLM_BIAS, names.get(TIED_BIAS)!);
    names.delete(TIED_BIAS);
  }
  return names;
}

function labelCount(stored: Map<string, string>, source: TensorSource): number | undefined {
  const name = stored.get('classifier.weight');
  return name === undefined ? undefined : source.tensors.get(name)?.shape[0];
}

function checkTensor(
  spec: ParameterSpec,
  { stored, source, shownAs }: { stored: Map<string, string>; source: TensorSource; shownAs: (name: string) => string },
): string[] {
  const expected = `[${spec.shape.join(', ')}]`;
  const name = stored.get(spec.name);
  if (name === undefined) return [`${shownAs(spec.name)} ${expected} is missing`];
  const { shape, dtype } = source.tensors.get(name)!;
  if (shape.length !== spec.shape.length || shape.some((size, axis) => size !== spec.shape[axis]))
    return [`${shownAs(spec.name)} has shape [${shape.join(', ')}] where ${expected} is expected`];
  return /^(F|BF)/.test(dtype) ? [] : [`${shownAs(spec.name)} has the type ${dtype}, which is not a float`];
}

function mismatch(problems: string[], source: TensorSource): AlbertineError {
  const shown = problems.length > 40 ? [...problems.slice(0, 40), `and ${problems.length - 40} more`] : problems;
  return new AlbertineError(
    'weights_mismatch',
    `the weights do not fit the config (${source.source}):\n  ${shown.join('\n  ')}\n`,
    {
      value: problems,
      hint: 'The config belongs to another checkpoint, or the file is of another network',
    },
  );
}

/** The decoder shares the word embeddings; a copy in the file must be equal, and is dropped. */
function checkTied(weights: Weights, source: TensorSource): void {
  for (const [copy, original] of [
    [TIED_DECODER, WORD_EMBEDDINGS],
    [TIED_BIAS, MLM_BIAS],
  ]) {
    const a = weights.get(copy);
    if (!a) continue;
    const b = weights.get(original)!;
    const isEqual =
      a.data.length === b.data.length &&
      a.data.every((value, index) => value === b.data[index] || (Number.isNaN(value) && Number.isNaN(b.data[index])));
    if (!isEqual) {
      throw new AlbertineError('weights_mismatch', `${copy} differs from ${original} (${source.source})`, {
        value: copy,
        hint: 'The two are shared here; a model with an untied decoder cannot be represented. Load it without the maskedLm head (heads: []) for embeddings',
      });
    }
    weights.delete(copy);
  }
}

function mainDtype(tensors: TensorInfo[]): StorageDtype {
  const sizes = new Map<string, number>();
  for (const { dtype, shape } of tensors) sizes.set(dtype, (sizes.get(dtype) ?? 0) + shape.reduce((a, b) => a * b, 1));
  const [dtype] = [...sizes].sort(([, a], [, b]) => b - a)[0];
  return dtype === 'F16' ? 'f16' : dtype === 'BF16' ? 'bf16' : 'f32';
}
