import { tanh } from '../../graph/operators/elementwise.ts';
import { linear } from '../../graph/operators/matmul.ts';
import { reshape, transpose } from '../../graph/operators/shape.ts';
import type { Tensor } from '../../graph/graph.ts';
import { headSize } from '../config.ts';
import type { ParameterLookup } from '../network.ts';
import type { Weight, Weights } from '../parameters.ts';
import { filled, normal, uniformByInputs, type AdapterMethod } from './adapter.ts';

/** Full name, in any scope but that of a depth, of what all layers share. */
const SHARED = 'extension.shared.prefix.';

/**
 * The keys or values that a network makes which was trained: `name` is the full name that they get. In float64, row by
 * row of the prefix: `[length, hidden size]`.
 */
export function madePrefix(name: string, weights: Weights): Float32Array {
  const of = (full: string): Weight => weights.get(full)!;
  const vectors = of(`${SHARED}vectors`);
  const inner = denseRows(vectors.data, of(`${SHARED}inner.weight`), of(`${SHARED}inner.bias`)).map(Math.tanh);
  return Float32Array.from(denseRows(inner, of(`${name}.weight`), of(`${name}.bias`)));
}

/** `x · weightᵀ + bias` for rows of `x`. */
function denseRows(x: ArrayLike<number>, { shape: [outputs, inputs], data }: Weight, bias: Weight): Float64Array {
  const rows = x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++)
    for (let output = 0; output < outputs; output++) {
      let sum = bias.data[output];
      for (let i = 0; i < inputs; i++) sum += x[row * inputs + i] * data[output * inputs + i];
      y[row * outputs + output] = sum;
    }
  return y;
}

const DEVIATION = 0.02;
const SIDES = ['key', 'value'] as const;

/**
 * Prefix tuning: every layer's attention sees learned keys and values before those of the text (Li & Liang 2021). In
 * training they are made by a small network of learned vectors (`hidden` wide; 0 learns them themselves), which all
 * layers share but for its last matrix.
 */
export const prefix: AdapterMethod = {
  complete: (settings, { hiddenSize }) => ({
    ...settings,
    length: settings.length ?? 10,
    hidden: settings.hidden ?? Math.round(hiddenSize / 2),
  }),
  extension: ({ scope, length, hidden }, config) => {
    const { hiddenSize, numAttentionHeads } = config;
    const split = (x: Tensor): Tensor =>
      transpose(reshape(x, [length!, numAttentionHeads, headSize(config)]), [1, 0, 2]); // [heads, length, width]
    const made = (parameter: ParameterLookup, side: string): Tensor => {
      if (hidden === 0) return parameter(`prefix.${side}`);
      const inner = tanh(
        linear(parameter('prefix.vectors'), parameter('prefix.inner.weight'), parameter('prefix.inner.bias')),
      );
      return linear(inner, parameter(`prefix.${side}.weight`), parameter(`prefix.${side}.bias`));
    };
    return {
      parameters:
        hidden === 0
          ? SIDES.map((side) => ({ name: `prefix.${side}`, shape: [length!, hiddenSize], scope }))
          : [
              { name: 'prefix.vectors', shape: [length!, hiddenSize], scope: 'shared' },
              { name: 'prefix.inner.weight', shape: [hidden!, hiddenSize], scope: 'shared' },
              { name: 'prefix.inner.bias', shape: [hidden!], scope: 'shared' },
              ...SIDES.flatMap((side) => [
                { name: `prefix.${side}.weight`, shape: [hiddenSize, hidden!], scope },
                { name: `prefix.${side}.bias`, shape: [hiddenSize], scope },
              ]),
            ],
      prefix: {
        length: length!,
        build: (parameter) => ({ key: split(made(parameter, 'key')), value: split(made(parameter, 'value')) }),
      },
    };
  },
  initial: (spec, random) =>
    spec.name.endsWith('bias')
      ? filled(spec)
      : spec.name.endsWith('weight')
        ? uniformByInputs(spec, random)
        : normal(spec, random, DEVIATION),
};
