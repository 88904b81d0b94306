import { multiply } from '../../graph/operators/elementwise.ts';
import { filled, sizesOfDense, type AdapterMethod } from './adapter.ts';

/** The layer whose input is scaled, so that the inner activations are; of others the result is. */
const BY_INPUT = 'ffn_output';

/**
 * (IA)³: keys, values and inner activations are multiplied by learned vectors (Liu et al. 2022). Starts as the model
 * it adapts.
 */
export const ia3: AdapterMethod = {
  complete: (settings) => ({
    ...settings,
    targets: settings.targets ?? ['attention.key', 'attention.value', BY_INPUT],
  }),
  extension: ({ scope, targets }, config) => ({
    parameters: targets!.map((name) => {
      const [inputs, outputs] = sizesOfDense(config, name);
      return { name: `${name}.ia3_l`, shape: [name === BY_INPUT ? inputs : outputs], scope };
    }),
    dense: (x, name, { base, plain, parameter }) => {
      if (!targets!.includes(name as 'ffn')) return base;
      const factors = parameter(`${name}.ia3_l`);
      return name === BY_INPUT ? plain(multiply(x, factors)) : multiply(base, factors);
    },
  }),
  initial: (spec) => filled(spec, 1),
  fold: (name, { weight, bias }, { settings, parameter }) => {
    if (!settings.targets!.includes(name as 'ffn')) return;
    const factors = parameter(`${name}.ia3_l`);
    const inputs = weight.length / bias.length;
    for (let i = 0; i < weight.length; i++)
      weight[i] *= factors[name === BY_INPUT ? i % inputs : Math.floor(i / inputs)];
    if (name !== BY_INPUT) for (let i = 0; i < bias.length; i++) bias[i] *= factors[i];
  },
};
