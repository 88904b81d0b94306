import { resolve } from 'node:path';
import type { AlbertConfig } from '../model/config.ts';
import { architectureOf, type HeadName } from '../model/heads.ts';
import { buildCard, type CardDetails } from './card.ts';
import { writeConfig } from './config-json.ts';
import { writeQuantization, type QuantizationSettings } from './quantization.ts';
import type { SafetensorsOutput } from './safetensors.ts';
import { sentenceTransformersFiles, type SentenceSettings } from './sentence-transformers.ts';
import { tokenizerContents, writeFolder } from './save-node.ts';

/** What {@link saveInt8Checkpoint} writes. */
export interface SaveInt8Options {
  /** Shape of the network. */
  config: AlbertConfig;
  /** The file laid out by `encodeInt8`. */
  tensors: SafetensorsOutput;
  /** Stored in `config.json`, so that the model runs as it was measured. */
  settings: QuantizationSettings;
  /** Heads that the weights hold. */
  heads: HeadName[];
  /** See `SaveOptions`. */
  tokenizerFiles?: Record<string, Uint8Array | string>;
  /** Class names in order; become `id2label`. */
  labels?: string[];
  /** Hugging Face's name of the problem, such as `single_label_classification`. */
  problemType?: string;
  /** See `SaveOptions`. */
  sentences?: SentenceSettings;
  /** Facts for the model card besides those that follow from the rest. */
  card?: Omit<CardDetails, 'config'>;
  /** Further keys of `config.json`. */
  extra?: Record<string, unknown>;
}

/**
 * Writes an int8 checkpoint: `config.json` with its `quantization_config`, `model.safetensors`, tokeniser files and
 * `README.md`, all of them or none (see `saveCheckpoint`). Returns the names of the files.
 */
export async function saveInt8Checkpoint(folder: string, options: SaveInt8Options): Promise<string[]> {
  const { config, tensors, settings, heads, tokenizerFiles = {}, labels, problemType, extra } = options;
  const json = writeConfig(config, {
    architectures: [architectureOf(heads, config)],
    ...(labels && { labels }),
    ...(problemType && { problemType }),
    extra: { ...extra, ...writeQuantization(settings) },
  });
  const last = settings.drift.layers[settings.drift.layers.length - 1];
  const results = {
    ...options.card?.results,
    'Cosine to f32 after the last layer, mean-pooled texts': last.pooled.mean.toFixed(5),
    'Cosine to f32 after the last layer, tokens': last.tokens.mean.toFixed(5),
  };
  const card = buildCard({ ...options.card, config, heads, dtype: 'int8', results, ...(labels && { labels }) });
  const contents: [string, Iterable<Uint8Array | string>][] = [
    ['model.safetensors', tensors.chunks()],
    ...tokenizerContents(tokenizerFiles, { config, maxLength: options.sentences?.maxLength }),
    ...Object.entries(options.sentences ? sentenceTransformersFiles(config, options.sentences) : {}).map(
      ([name, content]): [string, Iterable<string>] => [name, [content]],
    ),
    ['README.md', [card]],
    ['config.json', [`${JSON.stringify(json, null, 2)}\n`]],
  ];
  await writeFolder(resolve(folder), contents);
  return contents.map(([name]) => name);
}
