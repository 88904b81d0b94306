/** A reader for the parts of ONNX files that the tests look at, written from the format's definition (onnx.proto3). */

export interface Field {
  number: number;
  value: bigint | Uint8Array;
}
export interface DecodedValue {
  name: string;
  elementType: number;
  shape: (number | string)[];
}
export interface DecodedAttribute {
  type: number;
  integer?: bigint;
  integers?: bigint[];
  string?: string;
  float?: number;
  tensor?: string;
  graph?: Uint8Array;
}
export interface DecodedNode {
  operator: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, DecodedAttribute>;
}
export interface DecodedGraph {
  nodes: DecodedNode[];
  initializers: string[];
  inputs: DecodedValue[];
  outputs: DecodedValue[];
}
export interface DecodedModel {
  irVersion: number;
  producer: string;
  opsets: Record<string, number>;
  graph: DecodedGraph;
}

/** All fields of a message in order; 32-bit fields come as four bytes. */
export function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => bytes.subarray(position, (position += length));
  while (position < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    found.push({ number: tag >>> 3, value: wireType === 0 ? varint() : take(wireType === 5 ? 4 : Number(varint())) });
  }
  return found;
}

export const text = (value: Field['value']): string => new TextDecoder().decode(value as Uint8Array);
const all = (message: Uint8Array, number: number): Field['value'][] =>
  fields(message)
    .filter((field) => field.number === number)
    .map(({ value }) => value);
const string = (message: Uint8Array, number: number): string =>
  all(message, number).length > 0 ? text(all(message, number)[0]) : '';
const signed = (value: Field['value']): bigint => BigInt.asIntN(64, value as bigint);

function decodeValue(message: Uint8Array): DecodedValue {
  const tensor = all(all(message, 2)[0] as Uint8Array, 1)[0] as Uint8Array;
  const shape = all(all(tensor, 2)[0] as Uint8Array, 1).map((dim) => {
    const [{ number, value }] = fields(dim as Uint8Array);
    return number === 1 ? Number(value) : text(value);
  });
  return { name: string(message, 1), elementType: Number(all(tensor, 1)[0]), shape };
}

function decodeAttribute(message: Uint8Array): DecodedAttribute {
  const result: DecodedAttribute = { type: Number(all(message, 20)[0]) };
  for (const { number, value } of fields(message)) {
    if (number === 2) result.float = new DataView(Uint8Array.from(value as Uint8Array).buffer).getFloat32(0, true);
    if (number === 3) result.integer = signed(value);
    if (number === 4) result.string = text(value);
    if (number === 5) result.tensor = string(value as Uint8Array, 8);
    if (number === 6) result.graph = value as Uint8Array;
    if (number === 8) result.integers = [...(result.integers ?? []), signed(value)];
  }
  return result;
}

function decodeNode(message: Uint8Array): DecodedNode {
  const attributes = all(message, 5).map((attribute) => [
    string(attribute as Uint8Array, 1),
    decodeAttribute(attribute as Uint8Array),
  ]);
  return {
    operator: string(message, 4),
    domain: string(message, 7),
    inputs: all(message, 1).map(text),
    outputs: all(message, 2).map(text),
    attributes: Object.fromEntries(attributes),
  };
}

export function decodeGraph(message: Uint8Array): DecodedGraph {
  return {
    nodes: all(message, 1).map((node) => decodeNode(node as Uint8Array)),
    initializers: all(message, 5).map((tensor) => string(tensor as Uint8Array, 8)),
    inputs: all(message, 11).map((value) => decodeValue(value as Uint8Array)),
    outputs: all(message, 12).map((value) => decodeValue(value as Uint8Array)),
  };
}

export function decodeModel(bytes: Uint8Array): DecodedModel {
  const opsets = all(bytes, 8).map((opset) => [string(opset as Uint8Array, 1), Number(all(opset as Uint8Array, 2)[0])]);
  return {
    irVersion: Number(all(bytes, 1)[0]),
    producer: string(bytes, 2),
    opsets: Object.fromEntries(opsets),
    graph: decodeGraph(all(bytes, 7)[0] as Uint8Array),
  };
}
