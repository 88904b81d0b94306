import { AlbertineError } from '../../core/errors.ts';
import { ProtobufWriter } from '../../core/protobuf.ts';
import type { Attribute, Constant, DataType, Graph, GraphNode, SubGraph, Tensor } from '../graph.ts';

/** ONNX's numbers for element types. */
const ELEMENT_TYPE: Record<DataType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};
const ATTRIBUTE_FLOAT = 1,
  ATTRIBUTE_INT = 2,
  ATTRIBUTE_STRING = 3,
  ATTRIBUTE_TENSOR = 4,
  ATTRIBUTE_GRAPH = 5,
  ATTRIBUTE_INTS = 7;
/** Weights at least this large go to the external file when one is asked for. */
const EXTERNAL_MINIMUM_BYTES = 1024;
const EXTERNAL_ALIGNMENT = 4096;
/** Version of the file format: the one that came with operator set 18. */
const IR_VERSION = 8;
/** A protobuf message cannot exceed 2 GiB. */
const PROTOBUF_LIMIT = 2 ** 31 - 1;

/** Options of {@link writeOnnx}. */
export interface OnnxOptions {
  /** Operator set version. Default 18. */
  opset?: number;
  /** Puts weights into a second file of this name next to the model, as ONNX requires beyond 2 GiB. */
  externalDataFile?: string;
  /** Shown in the file's metadata. */
  producer?: string;
}

/** A serialised model: chunks to be written one after the other. */
export interface OnnxModel {
  /** The model file in pieces. */
  chunks: Uint8Array[];
  /** Bytes of all chunks. */
  byteLength: number;
  /** Content of the external data file, if one was asked for. */
  externalChunks: Uint8Array[];
  /** Inputs the outputs depend on; the others were left out. */
  inputs: Tensor[];
}

/** What {@link writeOnnx} serialises: named outputs, and optionally a part of the graph. */
export interface OnnxSource {
  /** Tensors by the name the model gives them. */
  outputs: Readonly<Record<string, Tensor>>;
  /** Only these nodes; tensors they read but do not make must be among `inputs`. Default: the whole graph. */
  nodes?: readonly GraphNode[];
  /** Inputs of the model. Default: the graph's. */
  inputs?: readonly Tensor[];
}

/** Serialises what `outputs` need from a graph; unused nodes, inputs and constants are left out. Nothing is copied. */
export function writeOnnx(graph: Graph, source: OnnxSource, options: OnnxOptions = {}): OnnxModel {
  const writer = new ModelWriter(graph, options);
  const { body, inputs } = writer.graph(source);
  const model = new ProtobufWriter()
    .integer(1, IR_VERSION)
    .string(2, options.producer ?? 'albertine')
    .message(7, body);
  model.message(8, new ProtobufWriter().string(1, '').integer(2, options.opset ?? 18));
  if (writer.usesMicrosoftDomain) model.message(8, new ProtobufWriter().string(1, 'com.microsoft').integer(2, 1));
  if (model.length > PROTOBUF_LIMIT) {
    throw new AlbertineError(
      'unsupported',
      `an ONNX file without external data is limited to 2 GiB, this one needs ${model.length} bytes`,
      { value: model.length, hint: 'Pass externalDataFile.' },
    );
  }
  return { chunks: model.chunks(), byteLength: model.length, externalChunks: writer.external, inputs };
}

class ModelWriter {
  readonly external: Uint8Array[] = [];
  usesMicrosoftDomain = false;
  private externalOffset = 0;
  private readonly renamed = new Map<Tensor, string>();
  private readonly source: Graph;
  private readonly options: OnnxOptions;

  constructor(graph: Graph, options: OnnxOptions) {
    this.source = graph;
    this.options = options;
  }

  graph({ outputs, nodes = this.source.nodes, inputs = this.source.inputs }: OnnxSource): {
    body: ProtobufWriter;
    inputs: Tensor[];
  } {
    const { live, used } = liveNodes(nodes, Object.values(outputs));
    const body = new ProtobufWriter();
    const identities = this.nameOutputs(outputs, live);
    this.checkNames(Object.keys(outputs), used);
    for (const node of live) body.message(1, this.node(node, used));
    for (const [name, tensor] of identities) body.message(1, identity(this.name(tensor), name));
    body.string(2, 'albertine');
    for (const constant of this.source.constants.values())
      if (used.has(constant.name)) body.message(5, this.tensor(constant, true));
    const needed = inputs.filter((input) => used.has(input.name));
    for (const input of needed) body.message(11, valueInfo(input.name, input));
    for (const [name, tensor] of Object.entries(outputs)) body.message(12, valueInfo(name, tensor));
    return { body, inputs: needed };
  }

  /**
   * Gives output tensors their public names; returns those that need an Identity (inputs, constants, tensors named
   * twice).
   */
  private nameOutputs(outputs: Readonly<Record<string, Tensor>>, live: readonly GraphNode[]): [string, Tensor][] {
    const made = new Set(live.flatMap((node) => node.outputs));
    return Object.entries(outputs).filter(([name, tensor]) => {
      if (!made.has(tensor) || this.renamed.has(tensor)) return true;
      this.renamed.set(tensor, name);
      return false;
    });
  }

  /**
   * A public name must not be that of another tensor in the model, which ONNX Runtime would report in its own terms.
   */
  private checkNames(publicNames: readonly string[], used: ReadonlySet<string>): void {
    const replaced = new Set([...this.renamed.keys()].map((tensor) => tensor.name));
    for (const name of publicNames) {
      if (used.has(name) && !replaced.has(name)) {
        throw new AlbertineError('invalid_argument', `output ${name} has the name of another tensor in the graph`, {
          value: name,
          hint: 'Choose another name.',
        });
      }
    }
  }

  private name(tensor: Tensor | undefined): string {
    return tensor ? (this.renamed.get(tensor) ?? tensor.name) : '';
  }

  private node(node: GraphNode, used: ReadonlySet<string>): ProtobufWriter {
    const writer = new ProtobufWriter();
    for (const input of node.inputs) writer.string(1, this.name(input));
    // Only optional outputs may be left unnamed: an operator's first output never is, and those of a body are as many
    // as the body's.
    const needed = node.outputs.map((output, i) => i === 0 || used.has(output.name) || hasBody(node));
    node.outputs
      .slice(0, needed.lastIndexOf(true) + 1)
      .forEach((output, i) => writer.string(2, needed[i] ? this.name(output) : ''));
    writer.string(3, node.outputs[0]?.name ?? node.operator).string(4, node.operator);
    for (const [name, value] of Object.entries(node.attributes)) writer.message(5, this.attribute(name, value));
    if (node.domain) {
      writer.string(7, node.domain);
      this.usesMicrosoftDomain = true;
    }
    return writer;
  }

  private attribute(name: string, value: Attribute): ProtobufWriter {
    const writer = new ProtobufWriter().string(1, name);
    if (typeof value === 'number') return writer.integer(3, value).integer(20, ATTRIBUTE_INT);
    if (typeof value === 'string') return writer.string(4, value).integer(20, ATTRIBUTE_STRING);
    if ('float' in value) return writer.float(2, value.float).integer(20, ATTRIBUTE_FLOAT);
    if ('tensor' in value) return writer.message(5, this.tensor(value.tensor, false)).integer(20, ATTRIBUTE_TENSOR);
    if ('graph' in value) return writer.message(6, this.subGraph(value.graph)).integer(20, ATTRIBUTE_GRAPH);
    for (const item of value) writer.integer(8, item);
    return writer.integer(20, ATTRIBUTE_INTS);
  }

  private subGraph(body: SubGraph): ProtobufWriter {
    const writer = new ProtobufWriter();
    const { live, used } = liveNodes(body.nodes, body.outputs);
    for (const node of live) writer.message(1, this.node(node, used));
    writer.string(2, body.name);
    for (const input of body.inputs) writer.message(11, valueInfo(input.name, input));
    for (const output of body.outputs) writer.message(12, valueInfo(this.name(output), output));
    return writer;
  }

  private tensor(constant: Constant, allowExternal: boolean): ProtobufWriter {
    const writer = new ProtobufWriter();
    for (const size of constant.shape) writer.integer(1, size);
    writer.integer(2, ELEMENT_TYPE[constant.dtype]).string(8, constant.name);
    if (constant.file) {
      const { path, offset, byteLength } = constant.file;
      return externalReference(writer, { location: path.slice(path.lastIndexOf('/') + 1), offset, byteLength });
    }
    const bytes = new Uint8Array(constant.data.buffer, constant.data.byteOffset, constant.data.byteLength);
    if (!allowExternal || this.options.externalDataFile === undefined || bytes.byteLength < EXTERNAL_MINIMUM_BYTES)
      return writer.bytes(9, bytes);
    return externalReference(writer, {
      location: this.options.externalDataFile,
      offset: this.appendExternal(bytes),
      byteLength: bytes.byteLength,
    });
  }

  private appendExternal(bytes: Uint8Array): number {
    const padding = (EXTERNAL_ALIGNMENT - (this.externalOffset % EXTERNAL_ALIGNMENT)) % EXTERNAL_ALIGNMENT;
    if (padding > 0) this.external.push(new Uint8Array(padding));
    const offset = this.externalOffset + padding;
    this.external.push(bytes);
    this.externalOffset = offset + bytes.byteLength;
    return offset;
  }
}

function externalReference(
  writer: ProtobufWriter,
  { location, offset, byteLength }: { location: string; offset: number; byteLength: number },
): ProtobufWriter {
  const entries = { location, offset: String(offset), length: String(byteLength) };
  for (const [key, value] of Object.entries(entries))
    writer.message(13, new ProtobufWriter().string(1, key).string(2, value));
  return writer.integer(14, 1);
}

/** Nodes that `outputs` depend on, in order, and the names of all tensors those nodes and the outputs use. */
export function liveNodes(
  nodes: readonly GraphNode[],
  outputs: readonly Tensor[],
): { live: GraphNode[]; used: Set<string> } {
  const used = new Set(outputs.map((output) => output.name));
  const live: GraphNode[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((output) => used.has(output.name))) continue;
    live.push(node);
    for (const input of node.inputs) if (input) used.add(input.name);
    for (const attribute of Object.values(node.attributes)) {
      if (typeof attribute === 'object' && 'graph' in attribute)
        for (const name of outerNames(attribute.graph)) used.add(name);
    }
  }
  return { live: live.reverse(), used };
}

const hasBody = ({ attributes }: GraphNode): boolean =>
  Object.values(attributes).some((attribute) => typeof attribute === 'object' && 'graph' in attribute);

/** Names that a body takes from the graph around it. */
function outerNames(body: SubGraph): string[] {
  const inner = new Set([...body.inputs, ...body.nodes.flatMap((node) => node.outputs)].map((tensor) => tensor.name));
  return [...liveNodes(body.nodes, body.outputs).used].filter((name) => !inner.has(name));
}

function identity(from: string, to: string): ProtobufWriter {
  return new ProtobufWriter().string(1, from).string(2, to).string(3, `identity_${to}`).string(4, 'Identity');
}

function valueInfo(name: string, tensor: Tensor): ProtobufWriter {
  const shape = new ProtobufWriter();
  for (const dim of tensor.shape)
    shape.message(
      1,
      typeof dim === 'number' ? new ProtobufWriter().integer(1, dim) : new ProtobufWriter().string(2, dim),
    );
  const type = new ProtobufWriter().integer(1, ELEMENT_TYPE[tensor.dtype]).message(2, shape);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, type));
}
