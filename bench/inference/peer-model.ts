import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { writeOnnx, type OnnxModel } from '../../src/graph/onnx/model.ts';
import { headSize, type AlbertConfig } from '../../src/model/config.ts';
import { layerPrefix, type Weights } from '../../src/model/parameters.ts';
import { quantizeWeight } from '../../src/model/quantize.ts';

/**
 * The graph that transformers.js users have: what PyTorch's exporter (through optimum) emits for `AlbertModel`, written
 * node by node: unrolled depth, MatMul and Add for dense layers, LayerNorm and GELU decomposed. With `quantized`, as
 * its conversion script leaves it (onnxruntime's dynamic quantisation; per channel, reduced range, int8 weights,
 * quantised embedding tables). Shared weights stay shared, which favours the peer in loading and memory: careless
 * exports repeat them for every depth.
 */
export function peerModel(config: AlbertConfig, weights: Weights, quantized: boolean): OnnxModel {
  return writeOnnx(...new PeerGraph(config, weights, quantized).build());
}

const OPSET = 17;
/** Smallest float32: what `torch.finfo(float32).min` gives for masks. */
const LOWEST = -3.4028234663852886e38;

class PeerGraph {
  private readonly graph = new Graph('onnx');
  private readonly tensors = new Map<string, Tensor[]>();
  private readonly activations = new Map<Tensor, Tensor[]>();
  private readonly config: AlbertConfig;
  private readonly weights: Weights;
  private readonly quantized: boolean;

  constructor(config: AlbertConfig, weights: Weights, quantized: boolean) {
    this.config = config;
    this.weights = weights;
    this.quantized = quantized;
  }

  build(): Parameters<typeof writeOnnx> {
    const { graph, config } = this;
    const input = (name: string): Tensor => graph.input(name, ['batch', 'sequence'], { dtype: 'int64' });
    const [ids, mask, types] = [input('input_ids'), input('attention_mask'), input('token_type_ids')];
    let x = this.layerNorm(this.embeddings(ids, types), 'albert.embeddings.LayerNorm');
    x = this.dense(x, 'albert.encoder.embedding_hidden_mapping_in', config.hiddenSize);
    const wide = graph.apply(
      'Unsqueeze',
      [
        graph.apply('Unsqueeze', [mask, graph.integers([1])], ['batch', 1, 'sequence'], { dtype: 'int64' }),
        graph.integers([2]),
      ],
      ['batch', 1, 1, 'sequence'],
      { dtype: 'int64' },
    );
    const visible = graph.apply('Cast', [wide], wide.shape, { attributes: { to: 1 } });
    const bias = this.binary('Mul', this.binary('Sub', graph.real(1), visible, visible), graph.real(LOWEST));
    for (let depth = 0; depth < config.numHiddenLayers; depth++) x = this.layer(x, bias);
    return [graph, { outputs: { last_hidden_state: x } }, { opset: OPSET, producer: 'pytorch-like' }];
  }

  private embeddings(ids: Tensor, types: Tensor): Tensor {
    const { graph } = this;
    const length = graph.apply('Squeeze', [graph.runtimeShape(['sequence'])], [], { dtype: 'int64' });
    const positions = graph.apply('Range', [graph.integer(0), length, graph.integer(1)], ['sequence'], {
      dtype: 'int64',
    });
    const sum = this.binary('Add', this.lookUp('word', ids), this.lookUp('token_type', types));
    return this.binary('Add', sum, this.lookUp('position', positions));
  }

  private lookUp(table: string, ids: Tensor): Tensor {
    const { graph } = this;
    const name = `albert.embeddings.${table}_embeddings.weight`;
    const { data, shape } = this.weights.get(name)!;
    const gather = (values: Tensor): Tensor =>
      graph.apply('Gather', [values, ids], [...ids.shape, shape[1]], { dtype: values.dtype, attributes: { axis: 0 } });
    if (!this.quantized) return gather(graph.constant(data, shape, { name }));
    const { values, scales } = quantizeWeight(data, 1, data.length, 7);
    const rows = gather(graph.constant(values, shape, { name: `${name}_quantized` }));
    const scale = graph.constant(scales, [], { name: `${name}_scale` });
    return graph.apply(
      'DequantizeLinear',
      [rows, scale, graph.constant(new Int8Array(1), [], { name: `${name}_zero_point` })],
      rows.shape,
    );
  }

  private layer(x: Tensor, bias: Tensor): Tensor {
    const { graph, config } = this;
    const prefix = layerPrefix(0, 0);
    const width = headSize(config);
    const { numAttentionHeads: heads, hiddenSize } = config;
    const reshape = (value: Tensor, shape: (string | number)[]): Tensor =>
      graph.apply('Reshape', [value, graph.runtimeShape(shape)], shape);
    const transpose = (value: Tensor, perm: number[]): Tensor =>
      graph.apply(
        'Transpose',
        [value],
        perm.map((axis) => value.shape[axis]),
        { attributes: { perm } },
      );
    const split = (name: string, perm: number[]): Tensor =>
      transpose(
        reshape(this.dense(x, `${prefix}.attention.${name}`, hiddenSize), ['batch', 'sequence', heads, width]),
        perm,
      );
    const query = split('query', [0, 2, 1, 3]);
    const key = split('key', [0, 2, 3, 1]);
    const value = split('value', [0, 2, 1, 3]);
    const scores = graph.apply('MatMul', [query, key], ['batch', heads, 'sequence', 'sequence']);
    const masked = this.binary('Add', this.binary('Div', scores, graph.real(Math.sqrt(width))), bias);
    const probabilities = graph.apply('Softmax', [masked], masked.shape, { attributes: { axis: -1 } });
    const context = transpose(graph.apply('MatMul', [probabilities, value], value.shape), [0, 2, 1, 3]);
    const projected = this.dense(
      reshape(context, ['batch', 'sequence', hiddenSize]),
      `${prefix}.attention.dense`,
      hiddenSize,
    );
    const attended = this.layerNorm(this.binary('Add', x, projected), `${prefix}.attention.LayerNorm`);
    const inner = this.geluTanh(this.dense(attended, `${prefix}.ffn`, config.intermediateSize));
    const output = this.dense(inner, `${prefix}.ffn_output`, hiddenSize);
    return this.layerNorm(this.binary('Add', output, attended), `${prefix}.full_layer_layer_norm`);
  }

  private dense(x: Tensor, name: string, outputs: number): Tensor {
    const { graph } = this;
    const shape = [...x.shape.slice(0, -1), outputs];
    const product = this.quantized
      ? this.integerProduct(x, name, shape)
      : graph.apply('MatMul', [x, this.transposed(name)], shape);
    return graph.apply('Add', [this.vector(`${name}.bias`), product], shape);
  }

  private integerProduct(x: Tensor, name: string, shape: (string | number)[]): Tensor {
    const { graph } = this;
    const [values, scales, zeroPoints] = this.quantizedWeight(name);
    const [bytes, scale, zeroPoint] = this.quantizedActivation(x);
    const product = graph.apply('MatMulInteger', [bytes, values, zeroPoint, zeroPoints], shape, { dtype: 'int32' });
    const real = graph.apply('Cast', [product], shape, { attributes: { to: 1 } });
    return this.binary('Mul', real, this.binary('Mul', scale, scales, scales));
  }

  private quantizedActivation(x: Tensor): Tensor[] {
    let known = this.activations.get(x);
    if (!known)
      this.activations.set(
        x,
        (known = this.graph.node(
          'DynamicQuantizeLinear',
          [x],
          [{ shape: x.shape, dtype: 'uint8' }, { shape: [] }, { shape: [], dtype: 'uint8' }],
        )),
      );
    return known;
  }

  private quantizedWeight(name: string): Tensor[] {
    return this.once(`${name} int8`, () => {
      const {
        data,
        shape: [outputs, inputs],
      } = this.weights.get(`${name}.weight`)!;
      const { values, scales } = quantizeWeight(data, outputs, inputs, 7);
      const make = (part: string, array: Int8Array | Float32Array, shape: number[]): Tensor =>
        this.graph.constant(array, shape, { name: `${name}_${part}` });
      return [
        make('quantized', values, [inputs, outputs]),
        make('scale', scales, [outputs]),
        make('zero_point', new Int8Array(outputs), [outputs]),
      ];
    });
  }

  private transposed(name: string): Tensor {
    return this.once(name, () => {
      const {
        data,
        shape: [outputs, inputs],
      } = this.weights.get(`${name}.weight`)!;
      const turned = new Float32Array(data.length);
      for (let row = 0; row < outputs; row++)
        for (let i = 0; i < inputs; i++) turned[i * outputs + row] = data[row * inputs + i];
      return [this.graph.constant(turned, [inputs, outputs], { name: `onnx::MatMul_${name}` })];
    })[0];
  }

  private vector(name: string): Tensor {
    return this.once(name, () => {
      const { data, shape } = this.weights.get(name)!;
      return [this.graph.constant(data, shape, { name })];
    })[0];
  }

  private layerNorm(x: Tensor, name: string): Tensor {
    const { graph } = this;
    const mean = (value: Tensor): Tensor =>
      graph.apply('ReduceMean', [value], [...x.shape.slice(0, -1), 1], { attributes: { axes: [-1], keepdims: 1 } });
    const centred = this.binary('Sub', x, mean(x));
    const variance = mean(this.binary('Pow', centred, graph.real(2)));
    const deviation = graph.apply(
      'Sqrt',
      [this.binary('Add', variance, graph.real(this.config.layerNormEps))],
      variance.shape,
    );
    const unit = this.binary('Div', centred, deviation);
    return this.binary('Add', this.binary('Mul', unit, this.vector(`${name}.weight`)), this.vector(`${name}.bias`));
  }

  private geluTanh(x: Tensor): Tensor {
    const { graph } = this;
    const cubic = this.binary('Mul', this.binary('Pow', x, graph.real(3)), graph.real(0.044715));
    const inner = this.binary('Mul', this.binary('Add', x, cubic), graph.real(Math.sqrt(2 / Math.PI)));
    const tanh = graph.apply('Tanh', [inner], x.shape);
    return this.binary('Mul', this.binary('Mul', x, graph.real(0.5)), this.binary('Add', tanh, graph.real(1)));
  }

  /** An element-wise operation whose result has the shape of `like` (default: of `a`). */
  private binary(operator: string, a: Tensor, b: Tensor, like: Tensor = a): Tensor {
    return this.graph.apply(operator, [a, b], like.shape);
  }

  private once(key: string, create: () => Tensor[]): Tensor[] {
    let tensors = this.tensors.get(key);
    if (!tensors) this.tensors.set(key, (tensors = create()));
    return tensors;
  }
}
