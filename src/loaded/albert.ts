import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { requireOptions, requireSource, requireTexts } from '../core/options.ts';
import { requireBase, requireTokenizerOfBase } from '../checkpoint/adapter-files.ts';
import { weightsFingerprint } from '../checkpoint/fingerprint.ts';
import { headsOfAdapter, openCheckpoint, type Checkpoint } from '../checkpoint/folder.ts';
import {
  readStoredSentences,
  type SentencePrompts,
  type StoredSentences,
} from '../checkpoint/sentence-transformers.ts';
import { int8Fingerprint } from '../checkpoint/int8.ts';
import { shortDrift } from '../checkpoint/quantization.ts';
import type { LoadedWeights } from '../checkpoint/weights.ts';
import type { AlbertConfig } from '../model/config.ts';
import { AlbertEncoder, type EncoderInt8, type EncoderOptions } from '../model/encoder.ts';
import type { Weights } from '../model/parameters.ts';
import type { Pooling } from '../model/pooling.ts';
import { loadOrt } from '../runtime/ort.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import type { TokenizerOptions } from '../tokenizer/options.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { embedIds, embedTexts, type EmbeddingMatrix } from './embed.ts';
import { type EmbedOptions } from './embed-plan.ts';
import { embedStream, type EmbeddingRow, type StreamOptions } from './embed-stream.ts';
import { fitToProcessor } from './int8-processor.ts';
import { EMBED_OPTIONS, LOAD_OPTIONS, STREAM_OPTIONS, TOKEN_OPTIONS } from './option-kinds.ts';
import { embedTokens, type TokenEmbeddingOptions, type TokenEmbeddings } from './embed-tokens.ts';

/** Options of {@link Albert.open}. */
export interface LoadOptions extends EncoderOptions {
  /** Overrides what the tokeniser's files say, such as lower case. */
  tokenizer?: TokenizerOptions;
  /** Runs an int8 checkpoint in f32, with its weights as they were rounded. Default false. */
  dequantize?: boolean;
  /**
   * Forces the weight bits of an int8 checkpoint. Default: 8 where products of bytes are exact on this processor, else
   * 7.
   */
  int8Bits?: 7 | 8;
}

/**
 * A checkpoint of ALBERT, BERT, RoBERTa or XLM-R with its tokeniser, ready to run. Dispose it (`using`, or
 * `model[Symbol.dispose]()`) to free the native memory; results are plain arrays and stay valid.
 */
export class Albert implements Disposable {
  /** Sizes of the network, from `config.json`. */
  readonly config: AlbertConfig;
  /** The folder's tokeniser. */
  readonly tokenizer: Tokenizer;
  /** The network on ONNX Runtime. */
  readonly encoder: AlbertEncoder;
  /** Parameters by name; those of an int8 model as they are stored. */
  readonly weights: Weights;
  /** The opened folder: labels, notes, file names. */
  readonly checkpoint: Checkpoint;
  /** Heads, left-out tensors and storage type found in the weight file. */
  readonly loaded: Omit<LoadedWeights, 'weights'>;
  /** Identifies weights, tokeniser and precision. */
  readonly fingerprint: string;
  /** Pooling that an embedding model was trained with, from its folder; `embed` uses it by default. */
  readonly pooling: Pooling | undefined;
  /** Whether the folder has its vectors scaled to length 1; `embed` does so by default. */
  readonly normalize: boolean;
  /** Prompts that the folder has; `embed` puts the default one, where there is one, before every text. */
  readonly prompts: SentencePrompts | undefined;
  /**
   * Tokens that one pass of `embed` reads by default, special ones included: where sentence-transformers truncates,
   * else the model's positions.
   */
  readonly maxLength: number;
  /** What the reader should know: untrained weights, files ignored, conversions. */
  readonly notes: readonly string[];

  protected constructor(parts: {
    checkpoint: Checkpoint;
    tokenizer: Tokenizer;
    encoder: AlbertEncoder;
    loaded: LoadedWeights;
    fingerprint: string;
    stored: StoredSentences;
    notes: string[];
  }) {
    this.checkpoint = parts.checkpoint;
    this.config = parts.checkpoint.config;
    this.tokenizer = parts.tokenizer;
    this.encoder = parts.encoder;
    this.weights = parts.loaded.weights;
    this.loaded = parts.loaded;
    this.fingerprint = parts.fingerprint;
    this.pooling = parts.stored.pooling;
    this.normalize = parts.stored.normalize ?? false;
    this.prompts = parts.stored.prompts;
    this.maxLength = Math.min(
      parts.stored.maxLength ?? this.config.maxPositionEmbeddings,
      this.config.maxPositionEmbeddings,
    );
    this.notes = parts.notes;
  }

  /**
   * Opens a folder of files (on disk, in memory, behind URLs). In Node use `loadModel`, which takes a path or a hub id.
   * Throws `weights_mismatch`, `tokenizer_not_found` or `invalid_config` listing what is wrong.
   */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<Albert> {
    requireOptions('Albert.open', options, LOAD_OPTIONS);
    const checkpoint = await openCheckpoint(files, { keepAdapter: true });
    const reading = checkpoint.load({ int8: !options.dequantize, allowNonFinite: true }); // Found in the results, with the text: large weights are mapped, not read.
    // Loaded while the weights are read; should it fail, the encoder says so.
    void loadOrt().catch(() => undefined);
    const [loaded, tokenizer, stored] = await Promise.all([
      reading,
      loadTokenizer(files, options.tokenizer),
      files.list().then((names) => readStoredSentences(files, names)),
    ]);
    requireVocabulary(checkpoint, tokenizer);
    const precision = await choosePrecision(checkpoint, loaded, options);
    const { adapter } = checkpoint;
    if (adapter) requireTokenizerOfBase(adapter, tokenizer);
    const encoder = await AlbertEncoder.create(checkpoint.config, loaded.weights, {
      ...options,
      ...precision.encoder,
      ...(adapter && { extended: adapter.extended }),
    });
    const hash = loaded.int8
      ? await int8Fingerprint(loaded.weights, loaded.int8)
      : await weightsFingerprint(loaded.weights);
    const fingerprint = [
      `model=${hash}`,
      ...(adapter ? [`adapter=${await weightsFingerprint(adapter.extended.weights)}`] : []),
      `tokenizer=${tokenizer.fingerprint}`,
      `dtype=${precision.name}`,
    ].join(';');
    return new this({
      checkpoint,
      tokenizer,
      encoder,
      loaded,
      fingerprint,
      stored,
      notes: [...collectNotes(checkpoint), ...stored.notes, ...precision.notes],
    });
  }

  /**
   * This model with an adapter that was trained on it: the files of an adapter's folder over those of its base. Its
   * layers are compiled once for all adapters of a kind, and it lives no longer than this model: dispose it first.
   * Throws `weights_mismatch` for an adapter of another model, `invalid_argument` for files without an adapter.
   */
  async withAdapter(files: FileSource, options: Pick<EncoderOptions, 'wrapForward'> = {}): Promise<Albert> {
    const checkpoint = await openCheckpoint(files, { keepAdapter: true });
    const { adapter } = checkpoint;
    if (!adapter)
      throw new AlbertineError('invalid_argument', `${files.location} has no adapter`, { value: files.location });
    await requireBase(adapter, this.config, this.loaded.int8 ? undefined : this.weights);
    requireTokenizerOfBase(adapter, this.tokenizer);
    const stored = await readStoredSentences(files, await files.list());
    const encoder = this.encoder.withAdapter(adapter.extended, adapter.heads, options);
    const weights = new Map([...this.weights, ...adapter.heads]);
    const heads = headsOfAdapter(adapter, checkpoint.details.architectures);
    const hash = await weightsFingerprint(new Map([...adapter.extended.weights, ...adapter.heads]));
    return new Albert({
      checkpoint,
      tokenizer: this.tokenizer,
      encoder,
      loaded: { ...this.loaded, weights, heads },
      fingerprint: this.fingerprint.replace(';', `;adapter=${hash};`),
      stored,
      notes: [...collectNotes(checkpoint), ...stored.notes],
    });
  }

  /** Embeds texts that fit in memory; rows come back in input order. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<EmbeddingMatrix> {
    requireTexts('embed', texts);
    requireOptions('embed', options, EMBED_OPTIONS);
    return embedTexts(this, texts, options);
  }

  /**
   * Embeds texts that are tokenised already: ids of this model's tokeniser without special tokens, which are added. No
   * prompt is put before them.
   */
  async embedIds(
    texts: readonly ArrayLike<number>[],
    options: Omit<EmbedOptions, 'prompt'> = {},
  ): Promise<EmbeddingMatrix> {
    requireOptions('embedIds', options, EMBED_OPTIONS);
    return embedIds(this, texts, options);
  }

  /** Embeds a source of any length with bounded memory; the source is read only as fast as rows are taken. */
  embedStream(
    source: AsyncIterable<string> | Iterable<string>,
    options: StreamOptions = {},
  ): AsyncGenerator<EmbeddingRow> {
    requireSource('embedStream', source);
    requireOptions('embedStream', options, STREAM_OPTIONS);
    return embedStream(this, source, options);
  }

  /** A vector for every token (or word) of each text, with offsets into the text. */
  async embedTokens(texts: readonly string[], options: TokenEmbeddingOptions = {}): Promise<TokenEmbeddings[]> {
    requireTexts('embedTokens', texts);
    requireOptions('embedTokens', options, TOKEN_OPTIONS);
    return embedTokens(this, texts, options);
  }

  /** Frees the native memory. Asking afterwards throws `disposed`. */
  [Symbol.dispose](): void {
    this.encoder[Symbol.dispose]();
  }
}

interface Precision {
  /** As fingerprints have it. */
  name: string;
  encoder: { int8?: EncoderInt8 };
  notes: string[];
}

/** f32, or int8 from the caller or from the checkpoint. */
async function choosePrecision(
  { quantization }: Checkpoint,
  loaded: LoadedWeights,
  options: LoadOptions,
): Promise<Precision> {
  if (options.int8) return { name: `int8-${options.int8.activations}`, encoder: { int8: options.int8 }, notes: [] };
  if (!quantization) return { name: 'f32', encoder: {}, notes: [] };
  const drift = shortDrift(quantization.drift);
  if (!loaded.int8) return { name: 'f32', encoder: {}, notes: ['int8 weights are run in f32, as they were rounded'] };
  const fitted = await fitToProcessor(loaded.int8, quantization.bits, { bits: options.int8Bits });
  return {
    name: `int8-${quantization.activations}-${fitted.bits}bit~${drift}`,
    encoder: { int8: fitted.int8 },
    notes: fitted.note === undefined ? [] : [fitted.note],
  };
}

function requireVocabulary({ config, configFile, tokenizerFiles }: Checkpoint, tokenizer: Tokenizer): void {
  for (const role of ['cls', 'sep'] as const) {
    if (tokenizer.special[role] >= 0) continue;
    const files = tokenizerFiles.filter(
      (name) => !/^(tokenizer_config|special_tokens_map|added_tokens)\.json$/.test(name),
    );
    throw new AlbertineError(
      'invalid_file',
      `${files.join(', ')}: the vocabulary has no [${role.toUpperCase()}] token, which a model needs with every text`,
      { value: role, hint: 'Name it in special_tokens_map.json if it is called differently' },
    );
  }
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new AlbertineError(
      'weights_mismatch',
      `the tokeniser has ${tokenizer.vocabSize} tokens, the model's embedding table ${config.vocabSize} (${[configFile, ...tokenizerFiles].join(', ')})`,
      { value: tokenizer.vocabSize, hint: 'The tokeniser files belong to another checkpoint.' },
    );
  }
}

function collectNotes(checkpoint: Checkpoint): string[] {
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  return [
    ...(untrained ? ['UNTRAINED weights: initialised at random, vectors and predictions carry no meaning'] : []),
    ...checkpoint.notes,
  ];
}
