import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { AlbertineError, describeValue } from '../core/errors.ts';
import { makeFolder, REMOVED, REPLACING, temporaryName } from '../core/files-node.ts';
import { withinLock } from '../core/lock-node.ts';
import { requireGiven, requireOptions, type OptionKinds } from '../core/options.ts';
import { removeLeftovers } from '../core/output-node.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../core/half.ts';
import { modelTypeOf, type AlbertConfig } from '../model/config.ts';
import { architectureOf, headParameters, headsPresent, optionalPart, type HeadName } from '../model/heads.ts';
import { encoderParameters, poolerParameters, type Weights } from '../model/parameters.ts';
import { ADAPTER_CONFIG, ADAPTER_DETAILS, ADAPTER_WEIGHTS } from './adapter-names.ts';
import { buildCard, type CardDetails } from './card.ts';
import { writeConfig } from './config-json.ts';
import { familyName } from './family-names.ts';
import { weightsFingerprint } from './fingerprint.ts';
import { encodeSafetensors, type StorageDtype } from './safetensors.ts';
import {
  MODULES_FILE,
  PROMPTS_FILE,
  sentenceTransformersFiles,
  type SentenceSettings,
} from './sentence-transformers.ts';
import { tokenizerForTransformers } from '../tokenizer/transformers-files.ts';

/** What {@link saveCheckpoint} writes. */
export interface SaveOptions {
  /** Shape of the network. */
  config: AlbertConfig;
  /** Encoder and, where present, pooler and heads, under canonical names. Other tensors are refused. */
  weights: Weights;
  /**
   * As a tokeniser's `files()` gives them: name to content. Written so that Python's tokeniser gives the network what
   * it gets here; see {@link tokenizerForTransformers}.
   */
  tokenizerFiles?: Record<string, Uint8Array | string>;
  /**
   * Tokens of a text that the model was trained to read, special ones included: Python truncates there. Default: that
   * of `sentences`, else what the tokeniser's files say, else the model's positions.
   */
  maxLength?: number;
  /** Storage type of the weights. Default `f32`. */
  dtype?: StorageDtype;
  /**
   * Which heads the weights hold; needed only to tell a tagger's or a chooser's `classifier` from a text classifier's.
   */
  heads?: HeadName[];
  /** Class names in order; become `id2label`. */
  labels?: string[];
  /** Hugging Face's name of the problem, such as `single_label_classification`. */
  problemType?: string;
  /**
   * Facts for the model card; `config`, `heads`, `labels`, `dtype` and `fingerprint` are filled in. A string is written
   * as it is.
   */
  card?: Omit<CardDetails, 'config'> | string;
  /** Further keys of `config.json`. */
  extra?: Record<string, unknown>;
  /**
   * For a sentence-embedding model: also writes the files that Python's sentence-transformers loads. Embedding then
   * uses this pooling by default.
   */
  sentences?: SentenceSettings;
}

const SAVE_OPTIONS: OptionKinds<SaveOptions> = {
  config: 'object',
  weights: 'object',
  tokenizerFiles: 'object',
  maxLength: 'number',
  dtype: 'string',
  heads: 'list',
  labels: 'list',
  problemType: 'string',
  card: 'any',
  extra: 'object',
  sentences: 'object',
};

/** What was written. */
export interface SavedCheckpoint {
  /** Where it was written. */
  folder: string;
  /** Names of the files written, in the folder. */
  files: string[];
  /** Bytes of `model.safetensors`. */
  weightBytes: number;
  /** Of the weights as stored, which loading gives: with 16 bits, after rounding. */
  fingerprint: string;
}

/**
 * Writes a folder in Hugging Face's layout that Python's `transformers` loads: `config.json`, `model.safetensors`,
 * tokeniser files, `README.md`. All files are written and flushed under another name first. A new folder appears at
 * once and complete; in an existing one the files are then replaced, and files of other names stay. The folder is
 * locked meanwhile. Throws `weights_mismatch` before writing if tensors are missing, misshapen or unknown.
 */
export async function saveCheckpoint(folder: string, options: SaveOptions): Promise<SavedCheckpoint> {
  requireOptions('saveCheckpoint', options, SAVE_OPTIONS);
  requireGiven('saveCheckpoint', options, ['config', 'weights']);
  const { config, weights, tokenizerFiles = {}, dtype = 'f32', labels, problemType, extra } = options;
  const heads = checkWeights(config, weights, options.heads);
  if (
    labels &&
    weights.has('classifier.weight') &&
    !heads.includes('multipleChoice') &&
    labels.length !== weights.get('classifier.weight')!.shape[0]
  ) {
    throw new AlbertineError(
      'invalid_argument',
      `${labels.length} labels for a classifier with ${weights.get('classifier.weight')!.shape[0]} outputs`,
      { value: labels },
    );
  }
  const fingerprint = await weightsFingerprint(asStored(weights, dtype));
  const tensors = encodeSafetensors(
    new Map([...weights].map(([name, weight]) => [familyName(name, config, heads), weight])),
    { dtype },
  );
  const json = writeConfig(config, {
    architectures: [architectureOf(heads, config)],
    ...(labels && { labels }),
    ...(problemType && { problemType }),
    ...(extra && { extra }),
  });
  const card =
    typeof options.card === 'string'
      ? options.card
      : buildCard({ ...options.card, config, heads, dtype, fingerprint, ...(labels && { labels }) });
  const contents: [string, Iterable<Uint8Array | string>][] = [
    ['model.safetensors', tensors.chunks()],
    ...tokenizerContents(tokenizerFiles, { config, maxLength: options.maxLength ?? options.sentences?.maxLength }),
    ...Object.entries(options.sentences ? sentenceTransformersFiles(config, options.sentences) : {}).map(
      ([name, content]): [string, Iterable<string>] => [name, [content]],
    ),
    ['README.md', [card]],
    ['config.json', [`${JSON.stringify(json, null, 2)}\n`]],
  ];
  await writeFolder(resolve(folder), contents);
  return { folder, files: contents.map(([name]) => name), weightBytes: tensors.byteLength, fingerprint };
}

/** The tokeniser's files as they are written, under plain names. */
export function tokenizerContents(
  files: Record<string, Uint8Array | string>,
  { config, maxLength }: { config: AlbertConfig; maxLength: number | undefined },
): [string, Iterable<Uint8Array | string>][] {
  const written = tokenizerForTransformers(files, { positions: config.maxPositionEmbeddings, maxLength });
  return Object.entries(written).map(([name, content]) => [requireFileName(name), [content]]);
}

/**
 * The weights as a reader of the file will have them; 16-bit ones are rounded, one tensor at a time, when their values
 * are asked for.
 */
function asStored(weights: Weights, dtype: StorageDtype): Weights {
  if (dtype === 'f32') return weights;
  const round =
    dtype === 'f16'
      ? (data: Float32Array) => float16ToFloat32(float32ToFloat16(data))
      : (data: Float32Array) => bfloat16ToFloat32(float32ToBfloat16(data));
  return new Map(
    [...weights].map(([name, weight]) => [
      name,
      {
        shape: weight.shape,
        get data() {
          return round(weight.data);
        },
      },
    ]),
  );
}

/** Heads that `weights` hold, after checking every tensor against the config. */
function checkWeights(config: AlbertConfig, weights: Weights, declared: HeadName[] = []): HeadName[] {
  const numLabels = weights.get('classifier.weight')?.shape[0];
  const heads = headsPresent((name) => weights.has(name), { wanted: declared });
  if (heads.includes('sentenceOrder') && modelTypeOf(config) !== 'albert') {
    throw new AlbertineError('unsupported', `${modelTypeOf(config)} has no head for the order of sentences`, {
      value: 'sentenceOrder',
      hint: 'Leave its weights out, or train an ALBERT',
    });
  }
  const pooler = poolerParameters(config).some(({ name }) => weights.has(name)) ? poolerParameters(config) : [];
  const optional = heads.flatMap(
    (head) => optionalPart(head, (name) => weights.has(name))?.parameters(numLabels ?? 0) ?? [],
  );
  const specs = [
    ...encoderParameters(config),
    ...pooler,
    ...heads.flatMap((head) => headParameters(config, head, numLabels)),
    ...optional,
  ];
  const problems: string[] = [];
  for (const { name, shape } of specs) {
    const found = weights.get(name)?.shape;
    if (found?.join() !== shape.join())
      problems.push(
        `${name} should have shape [${shape.join(', ')}] but ${found ? `has [${found.join(', ')}]` : 'is missing'}`,
      );
  }
  const known = new Set(specs.map(({ name }) => name));
  for (const name of weights.keys()) if (!known.has(name)) problems.push(`${name} is not a weight of this network`);
  if (problems.length > 0)
    throw new AlbertineError('weights_mismatch', `the weights cannot be saved:\n  ${problems.join('\n  ')}\n`, {
      value: problems,
    });
  return heads;
}

/** A plain file name, or `invalid_argument`. */
export function requireFileName(name: string): string {
  if (name !== basename(name) || name.startsWith('.') || name === '')
    throw new AlbertineError(
      'invalid_argument',
      `a tokeniser file must have a plain name, got ${describeValue(name)}`,
      { value: name },
    );
  return name;
}

/** Files that say what a folder's other files are. */
const PARTS = [MODULES_FILE, PROMPTS_FILE, ADAPTER_CONFIG, ADAPTER_WEIGHTS, ADAPTER_DETAILS];

/**
 * Writes files, whose names may have folders in them, by {@link publishFolder}. Of a model that was there what would be
 * read with the new one does not stay: `modules.json`, prompts, adapters.
 */
export async function writeFolder(
  folder: string,
  contents: [string, Iterable<Uint8Array | string>][],
  alsoRemoves: readonly string[] = [],
): Promise<void> {
  // Parts of a model that was there would be taken for those of the new one.
  const removes = [...PARTS, ...alsoRemoves].filter((old) => !contents.some(([name]) => name === old));
  await publishFolder(
    folder,
    async (staging) => {
      for (const [name, chunks] of contents) {
        await mkdir(dirname(join(staging, name)), { recursive: true });
        await writeFlushed(join(staging, name), chunks);
      }
    },
    removes,
  );
}

/**
 * Lets `fill` write files into a folder of another name, so that a new `folder` appears at once and complete. In an
 * existing one the complete new files wait in a folder of its own before they replace the old ones, so that a reader of
 * ours (`openFolder`) finds all of the old or all of the new whenever the process is killed. Other files of a folder
 * stay, except for `removes`. Nothing stays of what `fill` wrote where it fails.
 */
export async function publishFolder(
  folder: string,
  fill: (staging: string) => Promise<void>,
  removes: readonly string[] = [],
): Promise<void> {
  const existing = await stat(folder).catch(() => undefined);
  if (existing && !existing.isDirectory())
    throw new AlbertineError('invalid_argument', `${folder} is a file, not a folder`, { value: folder });
  await makeFolder(dirname(folder));
  await withinLock(folder, async () => {
    for (const place of existing ? [dirname(folder), folder] : [dirname(folder)])
      await removeLeftovers(place, basename(folder));
    if (existing) await finishReplacing(folder);
    const staging = existing ? join(folder, basename(temporaryName(folder))) : temporaryName(folder);
    await mkdir(staging);
    try {
      await fill(staging);
      if (!existing) return await rename(staging, folder);
      if (removes.length > 0) await writeFlushed(join(staging, REMOVED), [removes.join('\n')]);
      await rename(staging, join(folder, REPLACING));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
    await finishReplacing(folder);
  });
}

/** Moves complete new files to their places, also those of a process that was killed while it did. */
async function finishReplacing(folder: string): Promise<void> {
  const fresh = join(folder, REPLACING);
  const entries = await readdir(fresh, { recursive: true, withFileTypes: true }).catch(() => []);
  if (entries.length === 0) return;
  const removed = await readFile(join(fresh, REMOVED), 'utf8').catch(() => '');
  for (const name of removed.split('\n')) if (name !== '') await rm(join(folder, name), { force: true });
  for (const entry of entries) {
    if (entry.isDirectory() || entry.name === REMOVED) continue;
    const name = relative(fresh, join(entry.parentPath, entry.name));
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await rename(join(fresh, name), join(folder, name));
  }
  await rm(fresh, { recursive: true, force: true });
}

async function writeFlushed(path: string, chunks: Iterable<Uint8Array | string>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}
