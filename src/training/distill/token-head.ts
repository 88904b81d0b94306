import type { Tensor } from '../../graph/graph.ts';
import { multiply, subtract } from '../../graph/operators/elementwise.ts';
import { linear } from '../../graph/operators/matmul.ts';
import { mean, sum } from '../../graph/operators/reduce.ts';
import { gather } from '../../graph/operators/shape.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { toUnitLength } from '../contrastive-head.ts';
import type { HeadDefinition, HeadTensors } from '../head.ts';
import { projectionParameter, type VectorHeadOptions } from './vector-head.ts';

/** Options of {@link tokenDistillationHead}; see {@link VectorHeadOptions}. */
export interface TokenHeadOptions extends Pick<VectorHeadOptions, 'width' | 'loss' | 'projection'> {
  /** Numbers of a teacher's state. */
  teacherWidth: number;
}

/**
 * Distance of a student's token states from a teacher's (hidden-state distillation: Sun et al. 2019, Jiao et al. 2020),
 * over those tokens that have one: 1 - cosine, or the mean squared difference of the numbers. States become targets in
 * the graph, as `mapVector` makes them of vectors: there are too many to do so outside it.
 *
 * Inputs: `positions` int64 `[taught]`, rows of `hidden`; `states` `[taught, teacherWidth]`, with `targetMean`
 * `[teacherWidth]`, `targetDirections` `[width, teacherWidth]` and `targetScale`; `tokenWeights` `[taught]`, which add up
 * to 1 over all batches of a step. Output: `cosines` `[taught]` to the targets.
 */
export function tokenDistillationHead(config: AlbertConfig, options: TokenHeadOptions): HeadDefinition {
  const { width, teacherWidth, loss = 'cosine', projection = false } = options;
  const layer = projectionParameter(config, width);
  return {
    parameters: projection ? [layer] : [],
    build(graph, hidden, parameter): HeadTensors {
      const own = gather(hidden, graph.input('positions', ['taught'], { dtype: 'int64' })); // [taught, hidden]
      const vectors = projection ? linear(own, parameter(layer.name)) : own; // [taught, width]
      const given = graph.input('states', ['taught', teacherWidth]);
      const around = subtract(
        loss === 'cosine' ? toUnitLength(given) : given,
        graph.input('targetMean', [teacherWidth]),
      );
      const turned = linear(around, graph.input('targetDirections', [width, teacherWidth]));
      const targets = multiply(turned, graph.input('targetScale', [])); // [taught, width]
      const weights = graph.input('tokenWeights', ['taught']);
      const cosines = sum(multiply(toUnitLength(vectors), toUnitLength(targets)), [1]); // [taught]
      const distances = loss === 'cosine' ? subtract(graph.real(1), cosines) : squaredDistances(vectors, targets); // [taught]
      return { loss: sum(multiply(distances, weights), [0]), outputs: { cosines } };
    },
  };
}

/** Mean over the numbers of each row. */
function squaredDistances(vectors: Tensor, targets: Tensor): Tensor {
  const difference = subtract(vectors, targets);
  return mean(multiply(difference, difference), [1]);
}
