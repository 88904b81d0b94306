/** What a test wants to know of an ONNX file. A reader of its own, so that the writer is not checked against itself. */
export interface OnnxSummary {
  opsets: [domain: string, version: number][];
  /** Domains that nodes name, in bodies too. */
  domains: string[];
  /** Operator of every node, in bodies too. */
  operators: string[];
  inputs: string[];
  outputs: string[];
  initializers: string[];
}

interface Field {
  field: number;
  integer: number;
  bytes: Buffer;
}

/** The fields of a protobuf message; fixed-size values are skipped. */
function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const type = key & 7;
    if (type === 0) yield { field: key >>> 3, integer: varint(), bytes: Buffer.alloc(0) };
    else if (type === 2) {
      const length = varint();
      yield { field: key >>> 3, integer: 0, bytes: message.subarray(at, (at += length)) };
    } else at += type === 1 ? 8 : 4;
  }
}

const all = (message: Buffer, number: number): Buffer[] =>
  [...fields(message)].filter(({ field }) => field === number).map(({ bytes }) => bytes);
const text = (message: Buffer, number: number): string => all(message, number)[0]?.toString() ?? '';

/** Reads a serialised ModelProto (field numbers of onnx.proto). */
export function readOnnx(model: Buffer): OnnxSummary {
  const graph = all(model, 7)[0];
  const domains = new Set<string>();
  const operators: string[] = [];
  const visit = (body: Buffer): void => {
    for (const node of all(body, 1)) {
      operators.push(text(node, 4));
      domains.add(text(node, 7));
      for (const attribute of all(node, 5)) for (const inner of all(attribute, 6)) visit(inner);
    }
  };
  visit(graph);
  return {
    opsets: all(model, 8).map((entry) => [
      text(entry, 1),
      [...fields(entry)].find(({ field }) => field === 2)!.integer,
    ]),
    domains: [...domains],
    operators,
    inputs: all(graph, 11).map((entry) => text(entry, 1)),
    outputs: all(graph, 12).map((entry) => text(entry, 1)),
    initializers: all(graph, 5).map((entry) => text(entry, 8)),
  };
}
