import type { LayerwiseOptions } from './layerwise-options.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { type AlbertConfig } from '../model/config.ts';
import { extendLayer } from '../model/extension.ts';
import { layerInputs } from '../model/layer-graphs.ts';
import { embeddingProjection, encoderLayer, type LayerDropout, type ParameterLookup } from '../model/network.ts';
import { layerParameters, type ParameterSpec } from '../model/parameters.ts';
import { Stage, type StageTensors } from './stage.ts';

/** One stage per distinct set of trainable weights. */
export function shareStages(
  sets: readonly ReadonlySet<string>[],
  create: (trainable: ReadonlySet<string>) => Stage,
): Stage[] {
  const stages = new Map<string, Stage>();
  return sets.map((trainable) => {
    const key = [...trainable].join();
    const stage = stages.get(key) ?? create(trainable);
    stages.set(key, stage);
    return stage;
  });
}

export function buildProjection(
  graph: Graph,
  config: AlbertConfig,
  specs: readonly ParameterSpec[],
  trainable: ReadonlySet<string>,
): StageTensors {
  const input = graph.input('embedded', ['batch*sequence', config.embeddingSize], { differentiable: true });
  const parameters = declare(graph, specs, trainable);
  const mask = config.hiddenDropoutProb > 0 ? graph.input('embeddingMask', input.shape) : undefined;
  return { input, parameters, output: embeddingProjection(config, (name) => parameters.get(name)!, input, mask) };
}

export function buildLayer(
  graph: Graph,
  config: AlbertConfig,
  { trainable, causal, extension }: Pick<LayerwiseOptions, 'causal' | 'extension'> & { trainable: ReadonlySet<string> },
): StageTensors {
  const input = graph.input('hidden', ['batch*sequence', config.hiddenSize], { differentiable: true });
  const parameters = declare(graph, [...layerParameters(config), ...(extension?.parameters ?? [])], trainable);
  const parameter: ParameterLookup = (name) => parameters.get(name)!;
  const { hidden } = encoderLayer(config, parameter, input, {
    ...layerInputs(graph, config, { ...(causal && { causal }) }),
    dropout: declareMasks(graph, config),
    ...(extension && extendLayer(extension, parameter)),
  });
  return { input, parameters, output: hidden };
}

function declareMasks(graph: Graph, config: AlbertConfig): LayerDropout {
  const hidden = ['batch*sequence', config.hiddenSize];
  return {
    attention:
      config.attentionProbsDropoutProb > 0
        ? graph.input('attentionMask', ['batch', config.numAttentionHeads, 'sequence', 'sequence'])
        : undefined,
    attentionOutput: config.hiddenDropoutProb > 0 ? graph.input('attentionOutputMask', hidden) : undefined,
    feedForward: config.hiddenDropoutProb > 0 ? graph.input('feedForwardMask', hidden) : undefined,
  };
}

function declare(graph: Graph, specs: readonly ParameterSpec[], trainable: ReadonlySet<string>): Map<string, Tensor> {
  return new Map(
    specs.map(({ name, shape }) => [name, graph.input(name, shape, { differentiable: trainable.has(name) })]),
  );
}
