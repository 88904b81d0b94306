import { basename } from 'node:path';
import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { requireOptions, type OptionKinds } from '../core/options.ts';
import { writeFileAtomic } from '../core/files-node.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { Weights } from '../model/parameters.ts';
import { exportOnnx, type OnnxExportOptions } from './onnx-export.ts';
import { EXTERNAL_DATA_MODES, type ExternalDataMode } from './onnx-names.ts';

export type { ExternalDataMode } from './onnx-names.ts';

/** Options of {@link saveOnnx}. */
export interface SaveOnnxOptions extends Omit<OnnxExportOptions, 'externalDataFile'> {
  /** `auto` uses a second file only where one cannot hold everything (beyond 2 GiB). Default `auto`. */
  externalData?: ExternalDataMode;
}

const SAVE_ONNX_OPTIONS: OptionKinds<SaveOnnxOptions> = {
  output: 'string',
  layout: 'string',
  pooling: 'string',
  normalize: 'boolean',
  externalData: 'string',
};

/** What {@link saveOnnx} wrote. */
export interface SavedOnnx {
  /** Paths, the model first; the second one is the weights where they are external. */
  files: string[];
  /** Bytes of all files together. */
  byteLength: number;
  /** Names of the model's outputs. */
  outputNames: string[];
}

/** Leaves room for the graph beside the weights in a file of at most 2 GiB. */
const EMBEDDED_LIMIT = 2 ** 31 - 2 ** 24;

/** What the main entry's function of this name loads; it says more. */
export async function saveOnnx(
  path: string,
  config: AlbertConfig,
  weights: Weights,
  options: SaveOnnxOptions,
): Promise<SavedOnnx> {
  requireOptions('saveOnnx', options, SAVE_ONNX_OPTIONS);
  const { externalData = 'auto', ...rest } = options;
  requireOneOf('externalData', externalData, EXTERNAL_DATA_MODES);
  if (!path.endsWith('.onnx'))
    throw new AlbertineError('invalid_argument', `an ONNX file must be named *.onnx, got ${path}`, { value: path });
  let weightBytes = 0;
  for (const { data } of weights.values()) weightBytes += data.byteLength;
  const external = externalData === 'always' || (externalData === 'auto' && weightBytes > EMBEDDED_LIMIT);
  const dataPath = `${path}_data`;
  const model = exportOnnx(config, weights, { ...rest, ...(external && { externalDataFile: basename(dataPath) }) });
  if (external) await writeFileAtomic(dataPath, model.externalChunks);
  await writeFileAtomic(path, model.chunks);
  const externalBytes = model.externalChunks.reduce((total, chunk) => total + chunk.byteLength, 0);
  return {
    files: external ? [path, dataPath] : [path],
    byteLength: model.byteLength + externalBytes,
    outputNames: model.outputNames,
  };
}
