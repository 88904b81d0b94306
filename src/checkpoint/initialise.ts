import { createRandom, mixSeed, type Random } from '../core/random.ts';
import { validateConfig, type AlbertConfig } from '../model/config.ts';
import { headParameters, type HeadName } from '../model/heads.ts';
import { encoderParameters, poolerParameters, type ParameterSpec, type Weights } from '../model/parameters.ts';

/** What {@link initialiseWeights} makes besides the encoder and the pooler. */
export interface InitialiseOptions {
  /** Default: none. */
  heads?: HeadName[];
  /** Outputs of the classification heads. Default 2. */
  numLabels?: number;
}

/**
 * Fresh weights as the original code makes them: matrices and embeddings from a normal distribution with standard
 * deviation `config.initializerRange`, redrawn beyond two of them; biases and the transitions of a CRF 0; LayerNorm 1
 * and 0. The values of a tensor depend only on `seed`, its name and its shape, so adding a head changes nothing else.
 */
export function initialiseWeights(config: AlbertConfig, seed: number, options: InitialiseOptions = {}): Weights {
  validateConfig(config);
  const specs = [
    ...encoderParameters(config),
    ...poolerParameters(config),
    ...(options.heads ?? []).flatMap((head) => headParameters(config, head, options.numLabels)),
  ];
  return new Map(
    specs.map((spec) => [spec.name, { shape: spec.shape, data: initialValues(spec, seed, config.initializerRange) }]),
  );
}

/** Values of one parameter, as {@link initialiseWeights} makes them. */
export function initialValues({ name, shape }: ParameterSpec, seed: number, deviation: number): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (/(LayerNorm|layer_norm)\.weight$/.test(name)) return data.fill(1);
  if (name.endsWith('bias') || name.startsWith('crf.')) return data;
  const random = createRandom(mixSeed(seed, ...new TextEncoder().encode(name)));
  for (let i = 0; i < data.length; i++) data[i] = deviation * truncatedNormal(random);
  return data;
}

/** Standard normal distribution function at -2: the probability cut off on each side. */
const CUT = 0.022750131948179212;

/**
 * A standard normal number within two standard deviations, by inverting the distribution function: one draw, none
 * rejected.
 */
export function truncatedNormal(random: Random): number {
  return normalQuantile(CUT + random.uniform() * (1 - 2 * CUT));
}

/**
 * Quantile of the standard normal distribution, to about seven digits: Wichura 1988, "Algorithm AS 241", PPND7.
 * `probability` must lie within (1e-11, 1 - 1e-11).
 */
export function normalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-Math.log(q < 0 ? probability : 1 - probability)) - 1.6;
  const tail =
    (((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.7370016425) * r + 1);
  return q < 0 ? -tail : tail;
}
