import { AlbertineError } from '../core/errors.ts';
import type { TypedArray } from '../graph/graph.ts';
import { float32, HostTensor } from '../runtime/tensor.ts';
import type { AlbertConfig } from './config.ts';
import { QUANTIZATION_SITES, type QuantizationSite } from './network.ts';
import {
  activationScale,
  needsCalibration,
  siteInputs,
  type ActivationQuantization,
  type Calibration,
} from './quantize.ts';

/** Scale and zero point of every site of one executed layer. */
export type SiteScales = Record<QuantizationSite, { scale: HostTensor; zeroPoint: HostTensor }>;

/** Scales of every executed layer, from calibration; undefined where activations bring their own. */
export function staticScales(
  config: AlbertConfig,
  { activations, calibration }: { activations: ActivationQuantization; calibration?: Calibration | undefined },
): SiteScales[] | undefined {
  if (!needsCalibration(activations)) return undefined;
  const executed = config.numHiddenLayers * config.innerGroupNum;
  if (calibration?.length !== executed) {
    throw new AlbertineError(
      'invalid_argument',
      `${activations} int8 activations need calibrated ranges of ${executed} layers, got ${calibration?.length ?? 'none'}`,
      { value: calibration },
    );
  }
  return calibration.map(
    (sites) =>
      Object.fromEntries(
        QUANTIZATION_SITES.map((site) => {
          const { scale, zeroPoint } = activationScale(sites[site]);
          return [
            site,
            {
              scale: float32([], Float32Array.of(scale)),
              zeroPoint: new HostTensor('uint8', [], Uint8Array.of(zeroPoint)),
            },
          ];
        }),
      ) as SiteScales,
  );
}

/**
 * Inputs of a network that repeats one depth: the scales of all depths after `from` up to `to`, by the place of the
 * layer in its depth.
 */
export function depthScales(
  scales: readonly SiteScales[],
  innerGroupNum: number,
  { from, to }: { from: number; to: number },
): Record<string, HostTensor> {
  const join = (parts: readonly HostTensor[]): HostTensor => {
    const { dtype, data } = parts[0];
    const Values = data.constructor as new (values: number[]) => TypedArray;
    return new HostTensor(dtype, [parts.length], new Values(parts.map((part) => Number(part.data[0]))));
  };
  const depths = Array.from({ length: to - from }, (_, i) => from + i);
  return Object.fromEntries(
    Array.from({ length: innerGroupNum }).flatMap((_, layer) => {
      const ofDepths = depths.map((depth) => scaleInputs(scales[depth * innerGroupNum + layer], layer));
      return Object.keys(ofDepths[0]).map((name) => [name, join(ofDepths.map((inputs) => inputs[name]))]);
    }),
  );
}

/** Inputs of the layer at a place of a graph. */
export function scaleInputs(scales: SiteScales, index: number): Record<string, HostTensor> {
  return Object.fromEntries(
    QUANTIZATION_SITES.flatMap((site) => {
      const names = siteInputs(site, index);
      return [
        [names.scale, scales[site].scale],
        [names.zeroPoint, scales[site].zeroPoint],
      ];
    }),
  );
}
