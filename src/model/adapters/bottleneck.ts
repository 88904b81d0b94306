import { add, relu } from '../../graph/operators/elementwise.ts';
import { linear } from '../../graph/operators/matmul.ts';
import { filled, normal, type AdapterMethod } from './adapter.ts';
import type { AdapterPlacement } from './names.ts';

/** Results of sub-layers that an adapter stands behind, before they are added to what entered. */
const PLACES: Readonly<Record<AdapterPlacement, readonly string[]>> = {
  houlsby: ['attention.dense', 'ffn_output'],
  pfeiffer: ['ffn_output'],
};

/** Standard deviation of the first matrix; the second is zero, so that training starts with the model as it is. */
const DEVIATION = 0.02;

/**
 * Bottleneck adapters: a narrow feed-forward network with a bypass behind both sub-layers (`houlsby`, Houlsby et al.
 * 2019) or behind the feed-forward one alone (`pfeiffer`, as Pfeiffer et al. 2020 found enough).
 */
export const bottleneck: AdapterMethod = {
  complete: (settings, { hiddenSize }) => ({
    ...settings,
    size: settings.size ?? Math.max(8, Math.round(hiddenSize / 16)),
    placement: settings.placement ?? 'pfeiffer',
  }),
  extension: ({ scope, size, placement }, { hiddenSize }) => {
    const places = PLACES[placement!];
    return {
      parameters: places.flatMap((place) => [
        { name: `${place}.down.weight`, shape: [size!, hiddenSize], scope },
        { name: `${place}.down.bias`, shape: [size!], scope },
        { name: `${place}.up.weight`, shape: [hiddenSize, size!], scope },
        { name: `${place}.up.bias`, shape: [hiddenSize], scope },
      ]),
      dense: (_x, name, { base, parameter }) => {
        if (!places.includes(name)) return base;
        const part = (side: string) =>
          [parameter(`${name}.${side}.weight`), parameter(`${name}.${side}.bias`)] as const;
        return add(base, linear(relu(linear(base, ...part('down'))), ...part('up')));
      },
    };
  },
  initial: (spec, random) => (spec.name.endsWith('down.weight') ? normal(spec, random, DEVIATION) : filled(spec)),
};
