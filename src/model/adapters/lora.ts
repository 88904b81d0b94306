import { add, multiply } from '../../graph/operators/elementwise.ts';
import { linear } from '../../graph/operators/matmul.ts';
import type { AdapterMethod, AdapterSettings } from './adapter.ts';
import { filled, sizesOfDense, uniformByInputs } from './adapter.ts';

const scaleOf = ({ alpha, rank }: AdapterSettings): number => alpha! / rank!;

/** Low-rank updates of dense layers: `W + alpha / rank * B A` (Hu et al. 2021). Starts as the model it adapts. */
export const lora: AdapterMethod = {
  complete: (settings) => {
    const rank = settings.rank ?? 8;
    return {
      ...settings,
      rank,
      alpha: settings.alpha ?? 2 * rank,
      targets: settings.targets ?? ['attention.query', 'attention.value'],
    };
  },
  extension: (settings, config) => {
    const { scope, rank, targets } = settings;
    return {
      parameters: targets!.flatMap((name) => {
        const [inputs, outputs] = sizesOfDense(config, name);
        return [
          { name: `${name}.lora_A`, shape: [rank!, inputs], scope },
          { name: `${name}.lora_B`, shape: [outputs, rank!], scope },
        ];
      }),
      dense: (x, name, { base, parameter }) => {
        if (!targets!.includes(name as 'ffn')) return base;
        const update = linear(linear(x, parameter(`${name}.lora_A`)), parameter(`${name}.lora_B`));
        return add(base, multiply(update, x.graph.real(scaleOf(settings))));
      },
    };
  },
  initial: (spec, random) => (spec.name.endsWith('lora_A') ? uniformByInputs(spec, random) : filled(spec)),
  fold: (name, { weight }, { settings, parameter }) => {
    const { rank, targets } = settings;
    if (!targets!.includes(name as 'ffn')) return;
    const [a, b] = [parameter(`${name}.lora_A`), parameter(`${name}.lora_B`)];
    const inputs = a.length / rank!;
    const scale = scaleOf(settings);
    for (let output = 0; output < b.length / rank!; output++)
      for (let k = 0; k < rank!; k++) {
        const factor = scale * b[output * rank! + k];
        for (let i = 0; i < inputs; i++) weight[output * inputs + i] += factor * a[k * inputs + i];
      }
  },
};
