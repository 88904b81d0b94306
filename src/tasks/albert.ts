import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { weightsFingerprint } from '../checkpoint/fingerprint.ts';
import { openCheckpoint, type Checkpoint } from '../checkpoint/folder.ts';
import type { LoadedWeights } from '../checkpoint/weights.ts';
import type { AlbertConfig } from '../model/config.ts';
import { AlbertEncoder, type EncoderOptions } from '../model/encoder.ts';
import type { Weights } from '../model/parameters.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import type { TokenizerOptions } from '../tokenizer/options.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { embedTexts, type EmbeddingMatrix, type EmbedOptions } from './embed.ts';
import { embedStream, type EmbeddingRow, type StreamOptions } from './embed-stream.ts';
import { embedTokens, type TokenEmbeddingOptions, type TokenEmbeddings } from './embed-tokens.ts';

/** Options of {@link Albert.open}. */
export interface LoadOptions extends EncoderOptions {
  tokenizer?: TokenizerOptions;
}

/**
 * An ALBERT checkpoint with its tokeniser, ready to run. Dispose it (`using`, or `model[Symbol.dispose]()`) to free
 * the native memory; results are plain arrays and stay valid.
 */
export class Albert implements Disposable {
  readonly config: AlbertConfig;
  readonly tokenizer: Tokenizer;
  readonly encoder: AlbertEncoder;
  readonly weights: Weights;
  /** The opened folder: labels, notes, file names. */
  readonly checkpoint: Checkpoint;
  /** Heads, left-out tensors and storage type found in the weight file. */
  readonly loaded: Omit<LoadedWeights, 'weights'>;
  /** Identifies weights, tokeniser and precision. */
  readonly fingerprint: string;
  /** What the reader should know: untrained weights, files ignored, conversions. */
  readonly notes: readonly string[];

  protected constructor(parts: { checkpoint: Checkpoint; tokenizer: Tokenizer; encoder: AlbertEncoder; loaded: LoadedWeights; fingerprint: string; notes: string[] }) {
    this.checkpoint = parts.checkpoint;
    this.config = parts.checkpoint.config;
    this.tokenizer = parts.tokenizer;
    this.encoder = parts.encoder;
    this.weights = parts.loaded.weights;
    this.loaded = parts.loaded;
    this.fingerprint = parts.fingerprint;
    this.notes = parts.notes;
  }

  /**
   * Opens a folder of files (on disk, in memory, behind URLs). In Node use `loadModel`, which takes a path or a hub id.
   * Throws `weights_mismatch`, `tokenizer_not_found` or `invalid_config` listing what is wrong.
   */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<Albert> {
    const checkpoint = await openCheckpoint(files);
    const [loaded, tokenizer] = await Promise.all([checkpoint.load(), loadTokenizer(files, options.tokenizer)]);
    requireVocabulary(checkpoint.config, tokenizer);
    const { int8 } = options;
    const encoder = await AlbertEncoder.create(checkpoint.config, loaded.weights, { ...options, ...(int8 && { int8 }) });
    const precision = int8 ? `int8-${int8.calibration ? 'static' : 'dynamic'}` : 'f32';
    const fingerprint = [`model=${await weightsFingerprint(loaded.weights)}`, `tokenizer=${tokenizer.fingerprint}`, `dtype=${precision}`].join(';');
    return new this({ checkpoint, tokenizer, encoder, loaded, fingerprint, notes: collectNotes(checkpoint) });
  }

  /** Embeds texts that fit in memory; rows come back in input order. */
  embed(texts: readonly string[], options: EmbedOptions = {}): Promise<EmbeddingMatrix> {
    return embedTexts(this, texts, options);
  }

  /** Embeds a source of any length with bounded memory; the source is read only as fast as rows are taken. */
  embedStream(source: AsyncIterable<string> | Iterable<string>, options: StreamOptions = {}): AsyncGenerator<EmbeddingRow> {
    return embedStream(this, source, options);
  }

  /** A vector for every token (or word) of each text, with offsets into the text. */
  embedTokens(texts: readonly string[], options: TokenEmbeddingOptions = {}): Promise<TokenEmbeddings[]> {
    return embedTokens(this, texts, options);
  }

  [Symbol.dispose](): void {
    this.encoder[Symbol.dispose]();
  }
}

function requireVocabulary(config: AlbertConfig, tokenizer: Tokenizer): void {
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new AlbertineError('weights_mismatch', `the tokeniser has ${tokenizer.vocabSize} tokens, the model's embedding table ${config.vocabSize}`, { value: tokenizer.vocabSize, hint: 'The tokeniser files belong to another checkpoint.' });
  }
}

function collectNotes(checkpoint: Checkpoint): string[] {
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  return [...(untrained ? ['UNTRAINED weights: initialised at random, vectors and predictions carry no meaning'] : []), ...checkpoint.notes];
}
