import { add } from '../../graph/operators/elementwise.ts';
import { DENSE_LAYERS, filled, sizesOfDense, type AdapterMethod } from './adapter.ts';

const NORMS = ['attention.LayerNorm', 'full_layer_layer_norm'];

/** BitFit: only the biases of layers are learned (Ben Zaken et al. 2021), as what is added to them. */
export const bitfit: AdapterMethod = {
  complete: (settings) => settings,
  extension: ({ scope }, config) => ({
    parameters: [
      ...DENSE_LAYERS.map((name) => ({ name: `${name}.bias_delta`, shape: [sizesOfDense(config, name)[1]], scope })),
      ...NORMS.map((name) => ({ name: `${name}.bias_delta`, shape: [config.hiddenSize], scope })),
    ],
    dense: (_x, name, { base, parameter }) => add(base, parameter(`${name}.bias_delta`)),
    norm: (base, name, parameter) => add(base, parameter(`${name}.bias_delta`)),
  }),
  initial: (spec) => filled(spec),
  fold: (name, { bias }, { parameter }) => {
    const delta = parameter(`${name}.bias_delta`);
    for (let i = 0; i < bias.length; i++) bias[i] += delta[i];
  },
};
