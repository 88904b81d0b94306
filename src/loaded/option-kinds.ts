import type { OptionKinds } from '../core/options.ts';
import type { LoadOptions } from './albert.ts';
import type { EmbedOptions } from './embed-plan.ts';
import type { StreamOptions } from './embed-stream.ts';
import type { TokenEmbeddingOptions } from './embed-tokens.ts';

/* The options of everything that takes a model or a text, in Node and in the browser; see `requireOptions`. */

/** Of `Albert.open` and `TextClassifier.open`. */
export const LOAD_OPTIONS: OptionKinds<LoadOptions> = {
  threads: 'number',
  device: 'string',
  cpuFallback: 'boolean',
  deviceOutputs: 'list',
  optimization: 'string',
  arena: 'boolean',
  spinning: 'boolean',
  prepack: 'boolean',
  sessions: 'object',
  int8: 'object',
  wrapForward: 'function',
  extended: 'object',
  tokenizer: 'object',
  dequantize: 'boolean',
  int8Bits: 'number',
};

/** What all ways of embedding have. */
const EMBEDDING = {
  layers: 'any',
  layerCombination: 'string',
  normalize: 'boolean',
  longText: 'string',
  maxLength: 'number',
  stride: 'number',
  batchTokens: 'number',
  onProgress: 'function',
  signal: 'object',
} as const;

/** Of `Albert.embed`. */
export const EMBED_OPTIONS: OptionKinds<EmbedOptions> = {
  pooling: 'string',
  ...EMBEDDING,
  prompt: 'string',
  dimensions: 'number',
  windowCombination: 'string',
  segments: 'number',
};

/** Of `Albert.embedStream`. */
export const STREAM_OPTIONS: OptionKinds<StreamOptions> = { ...EMBED_OPTIONS, lookAhead: 'number' };

/** Of `Albert.embedTokens`. */
export const TOKEN_OPTIONS: OptionKinds<TokenEmbeddingOptions> = {
  ...EMBEDDING,
  unit: 'string',
  includeSpecialTokens: 'boolean',
};
