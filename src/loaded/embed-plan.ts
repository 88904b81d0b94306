import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { type ProgressListener } from '../core/progress.ts';
import type { SentencePrompts } from '../checkpoint/sentence-transformers.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { AlbertEncoder } from '../model/encoder.ts';
import type { Weights } from '../model/parameters.ts';
import { POOLINGS, type Pooling } from '../model/pooling.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import {
  LONG_TEXT_POLICIES,
  requireWindowOptions,
  type LongTextPolicy,
  type TextWindowOptions,
} from './text-windows.ts';

/** Options of embedding texts. */
export interface EmbedOptions {
  /**
   * Default: what the model was trained with, if its folder says so (`modules.json` of sentence-transformers), else
   * `mean`; with `static` layers `mean`.
   */
  pooling?: Pooling;
  /**
   * Depths whose token vectors are used: 0 is the mapped embeddings, -1 the last. `static` uses the factorised
   * embedding table alone (`embeddingSize` wide), without running the encoder. Default `[-1]`.
   */
  layers?: readonly number[] | 'static';
  /** How several layers are combined. Default `mean`. */
  layerCombination?: 'mean' | 'concat';
  /**
   * Scales vectors to length 1. Default: what the model's folder says (a Normalize module of sentence-transformers),
   * else false.
   */
  normalize?: boolean;
  /**
   * What stands before every text: the name of a prompt in the model's folder (`model.prompts`), or the text itself,
   * such as `query: `. `''` is none. Default: the folder's default prompt, else none. Counts as part of the text; of a
   * long one only the first window has it.
   */
  prompt?: string;
  /** Keeps this many leading dimensions and rescales to length 1. Default: all. */
  dimensions?: number;
  /** Default `window`: a long text is cut into windows, nothing is lost. */
  longText?: LongTextPolicy;
  /**
   * Tokens per window, special tokens included. Default: where sentence-transformers would truncate, if the model's
   * folder says so, else the model's positions.
   */
  maxLength?: number;
  /** Tokens that consecutive windows share. Default 0. */
  stride?: number;
  /**
   * `mean`: one vector a text, windows weighted by their tokens (`max` pooling takes the maximum);
   * `concat`: the vectors of `segments` windows one after the other, zero-filled for shorter texts. Default `mean`.
   */
  windowCombination?: 'mean' | 'concat';
  /** Number of windows in a concatenated vector; further windows are an error. Default 1. */
  segments?: number;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
  /** Told about texts that are done. */
  onProgress?: ProgressListener;
  /** Stops between batches with `interrupted`. */
  signal?: AbortSignal;
}

/** What embedding needs of a loaded model. */
export interface EmbeddingModel {
  /** Sizes of the network. */
  config: AlbertConfig;
  /** Turns texts into ids. */
  tokenizer: Tokenizer;
  /** Runs the network. */
  encoder: AlbertEncoder;
  /** Parameters by name, for `static` layers. */
  weights: Weights;
  /** Identifies weights, tokeniser and precision. */
  fingerprint: string;
  /** That of an embedding model's training; the default of {@link EmbedOptions.pooling}. */
  pooling?: Pooling | undefined;
  /** Default of {@link EmbedOptions.normalize}. */
  normalize?: boolean;
  /** Names that {@link EmbedOptions.prompt} may take. */
  prompts?: SentencePrompts | undefined;
  /** Default of {@link EmbedOptions.maxLength}; without it the model's positions. */
  maxLength?: number;
}

/** Options with every default filled in and checked against the model. */
export interface EmbedPlan {
  pooling: Pooling;
  layers: readonly number[] | 'static';
  combination: 'mean' | 'concat';
  normalize: boolean;
  /** Stands before every text. */
  prompt: string;
  /** Width of a result row. */
  dimensions: number;
  /** Width of a pooled window before cutting. */
  pooledWidth: number;
  window: TextWindowOptions;
  segments: number;
  batchTokens: number;
  cut: boolean;
}

/** Checks the options and derives widths; throws `invalid_argument` with the offending value. */
export function planEmbedding(
  model: Pick<EmbeddingModel, 'config' | 'pooling' | 'maxLength' | 'normalize' | 'prompts'>,
  options: EmbedOptions,
): EmbedPlan {
  const { config, pooling: trained, maxLength = config.maxPositionEmbeddings } = model;
  const pooling = requireOneOf(
    'pooling',
    options.pooling ?? (options.layers === 'static' ? undefined : trained) ?? 'mean',
    POOLINGS,
  );
  const combination = requireOneOf('layerCombination', options.layerCombination ?? 'mean', ['mean', 'concat']);
  const layers = options.layers === 'static' ? 'static' : resolveLayers(options.layers ?? [-1], config.numHiddenLayers);
  if (pooling === 'pooler' && (layers === 'static' || layers.length !== 1 || layers[0] !== config.numHiddenLayers)) {
    throw new AlbertineError('invalid_argument', prose`${option('pooling', 'pooler')} reads the last layer only`, {
      value: options.layers,
      option: 'layers',
    });
  }
  const baseWidth =
    layers === 'static' ? config.embeddingSize : config.hiddenSize * (combination === 'concat' ? layers.length : 1);
  const windowCombination = requireOneOf('windowCombination', options.windowCombination ?? 'mean', ['mean', 'concat']);
  const segments = windowCombination === 'concat' ? requireInteger('segments', options.segments ?? 1, { min: 1 }) : 0;
  const fullWidth = baseWidth * Math.max(1, segments);
  return {
    pooling,
    layers,
    combination,
    normalize: options.normalize ?? (layers !== 'static' && (model.normalize ?? false)),
    prompt: promptText(model.prompts, options.prompt),
    pooledWidth: baseWidth,
    dimensions:
      options.dimensions === undefined
        ? fullWidth
        : requireInteger('dimensions', options.dimensions, { min: 1, max: fullWidth }),
    cut: options.dimensions !== undefined,
    window: requireWindowOptions(
      {
        longText: requireOneOf('longText', options.longText ?? 'window', LONG_TEXT_POLICIES),
        maxLength: options.maxLength ?? maxLength,
        stride: options.stride ?? 0,
      },
      config.maxPositionEmbeddings,
    ),
    segments,
    batchTokens: requireInteger('batchTokens', options.batchTokens ?? 1024, { min: 1 }),
  };
}

/**
 * The text of a prompt that is asked for by name or as it is, else of the default one. Throws `invalid_argument` for a
 * word that is no name, which nobody means as a prompt.
 */
export function promptText(
  prompts: SentencePrompts | undefined,
  prompt: string | undefined,
  name: 'prompt' | 'pairPrompt' = 'prompt',
): string {
  const { texts = {}, defaultName } = prompts ?? {};
  if (prompt === undefined) return defaultName === undefined ? '' : texts[defaultName];
  if (Object.hasOwn(texts, prompt)) return texts[prompt];
  if (!/^[\w-]+$/.test(prompt)) return prompt;
  const names = Object.keys(texts);
  throw new AlbertineError(
    'invalid_argument',
    prose`${option(name)}: this model has no prompt of the name ${JSON.stringify(prompt)}`,
    {
      value: prompt,
      option: name,
      hint: `${names.length > 0 ? `It has ${names.join(', ')}. ` : ''}A text of your own ends in a space or a colon, as "query: " does`,
    },
  );
}

/** Turns negative depths into positive ones; throws `invalid_argument` when out of range or empty. */
export function resolveLayers(layers: readonly number[], depth: number): number[] {
  if (layers.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('layers')} must not be empty`, {
      value: layers,
      option: 'layers',
    });
  return layers.map((layer) => {
    requireInteger('layers', layer, { min: -depth - 1, max: depth });
    return layer < 0 ? layer + depth + 1 : layer;
  });
}

/** Identifies the vectors that a model and a plan produce. */
export function embeddingFingerprint(model: EmbeddingModel, plan: EmbedPlan): string {
  const { window, segments } = plan;
  return [
    model.fingerprint,
    `layers=${plan.layers === 'static' ? 'static' : plan.layers.join('+')}${plan.layers !== 'static' && plan.layers.length > 1 ? `:${plan.combination}` : ''}`,
    `pooling=${plan.pooling}`,
    `long=${window.longText}:${window.maxLength}:${window.stride}${segments ? `:concat${segments}` : ''}`,
    `norm=${plan.normalize || plan.cut ? 1 : 0}`,
    `dim=${plan.dimensions}`,
    ...(plan.prompt === '' ? [] : [`prompt=${encodeURIComponent(plan.prompt)}`]),
  ].join(';');
}
