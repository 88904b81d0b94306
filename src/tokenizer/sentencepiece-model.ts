import { AlbertineError } from '../core/errors.ts';
import { concatenate, FieldReader, floatOf, type ProtobufField, ProtobufWriter, readFields } from '../core/protobuf.ts';

/** What a piece is: only `normal`, `userDefined`, `unused` and `byte` pieces stand for text. */
export type PieceType = 'normal' | 'unknown' | 'control' | 'userDefined' | 'unused' | 'byte';

/** `ModelProto.SentencePiece.Type`. */
export const PIECE_TYPES: Record<PieceType, number> = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
};
const PIECE_TYPE_OF = new Map(Object.entries(PIECE_TYPES).map(([name, number]) => [number, name as PieceType]));

/** One vocabulary entry; its id is its position. */
export interface SentencePiece {
  /** Spaces appear as U+2581. */
  piece: string;
  /** Log-probability (Unigram). */
  score: number;
  /** What it stands for: a normal piece, the unknown one, a control symbol and so on. */
  type: PieceType;
}

/** `TrainerSpec.model_type`. */
export type SentencePieceAlgorithm = 'unigram' | 'bpe' | 'word' | 'char';

const ALGORITHMS: Record<SentencePieceAlgorithm, number> = { unigram: 1, bpe: 2, word: 3, char: 4 };
const ALGORITHM_OF = new Map(
  Object.entries(ALGORITHMS).map(([name, number]) => [number, name as SentencePieceAlgorithm]),
);

/** How the model was trained, and the symbols it reserves (protobuf `TrainerSpec`; defaults are SentencePiece's). */
export interface TrainerSpec {
  /** How the vocabulary was made, and how text is cut. */
  algorithm: SentencePieceAlgorithm;
  /** Number of pieces. */
  vocabSize: number;
  /** Share of the corpus's characters that have a piece. */
  characterCoverage: number;
  /** Longest piece, in characters. */
  maxPieceLength: number;
  /** No piece crosses from one script into another. */
  splitByUnicodeScript: boolean;
  /** No piece crosses white space. */
  splitByWhitespace: boolean;
  /** No piece crosses from a number to other characters. */
  splitByNumber: boolean;
  /** Every digit is a piece of its own. */
  splitDigits: boolean;
  /** The space belongs to the end of a word (`word▁`) instead of its beginning. */
  treatWhitespaceAsSuffix: boolean;
  /** Unknown characters become their UTF-8 bytes as `<0xNN>` pieces. */
  byteFallback: boolean;
  /** Pieces that text never produces. */
  controlSymbols: string[];
  /** Pieces that text always produces whole. */
  userDefinedSymbols: string[];
  /** Id of the unknown piece; -1 when absent. */
  unkId: number;
  /** Id of the beginning of a sentence; -1 when absent. */
  bosId: number;
  /** Id of the end of a sentence; -1 when absent. */
  eosId: number;
  /** Id of padding; -1 when absent. */
  padId: number;
  /** What an unknown piece decodes to. */
  unkSurface: string;
  /** The unknown piece. */
  unkPiece: string;
  /** The beginning of a sentence. */
  bosPiece: string;
  /** The end of a sentence. */
  eosPiece: string;
  /** Padding. */
  padPiece: string;
  /** Fields not listed here, as they stood in the file. */
  unknownFields: Uint8Array;
}

/** How text is normalised before segmentation (protobuf `NormalizerSpec`). */
export interface NormalizerSpec {
  /** `nfkc`, `nfkc_cf`, `nmt_nfkc`, `nmt_nfkc_cf`, `identity` or a trainer's own name. */
  name: string;
  /** Double-array trie and replacement strings; empty for the identity. */
  precompiledCharsmap: Uint8Array;
  /** Puts a space before the text. */
  addDummyPrefix: boolean;
  /** Drops white space at both ends and makes one space of several. */
  removeExtraWhitespaces: boolean;
  /** Writes spaces as `▁`. */
  escapeWhitespaces: boolean;
  /** Fields not listed here, as they stood in the file. */
  unknownFields: Uint8Array;
}

/** A parsed `spiece.model` (protobuf `ModelProto`); self-test samples are dropped. */
export interface SentencePieceModel {
  /** By id. */
  pieces: SentencePiece[];
  /** How the model was trained. */
  trainer: TrainerSpec;
  /** How text is normalised. */
  normalizer: NormalizerSpec;
  /** Fields not listed here (such as `denormalizer_spec`), as they stood in the file. */
  unknownFields: Uint8Array;
}

type FieldKind = 'integer' | 'boolean' | 'float' | 'string' | 'strings' | 'bytes';

/** Field number and kind of every scalar we know, by property name; `algorithm` is handled apart. */
const TRAINER_FIELDS: Record<Exclude<keyof TrainerSpec, 'algorithm' | 'unknownFields'>, [number, FieldKind]> = {
  vocabSize: [4, 'integer'],
  characterCoverage: [10, 'float'],
  maxPieceLength: [20, 'integer'],
  splitByUnicodeScript: [21, 'boolean'],
  splitByWhitespace: [22, 'boolean'],
  splitByNumber: [23, 'boolean'],
  treatWhitespaceAsSuffix: [24, 'boolean'],
  splitDigits: [25, 'boolean'],
  controlSymbols: [30, 'strings'],
  userDefinedSymbols: [31, 'strings'],
  byteFallback: [35, 'boolean'],
  unkId: [40, 'integer'],
  bosId: [41, 'integer'],
  eosId: [42, 'integer'],
  padId: [43, 'integer'],
  unkSurface: [44, 'string'],
  unkPiece: [45, 'string'],
  bosPiece: [46, 'string'],
  eosPiece: [47, 'string'],
  padPiece: [48, 'string'],
};
const ALGORITHM_FIELD = 3;

const NORMALIZER_FIELDS: Record<Exclude<keyof NormalizerSpec, 'unknownFields'>, [number, FieldKind]> = {
  name: [1, 'string'],
  precompiledCharsmap: [2, 'bytes'],
  addDummyPrefix: [3, 'boolean'],
  removeExtraWhitespaces: [4, 'boolean'],
  escapeWhitespaces: [5, 'boolean'],
};

const SELF_TEST_FIELD = 4;

/** A {@link TrainerSpec} with SentencePiece's defaults, changed by `values`. */
export function trainerSpec(values: Partial<TrainerSpec> = {}): TrainerSpec {
  return {
    algorithm: 'unigram',
    vocabSize: 8000,
    characterCoverage: Math.fround(0.9995),
    maxPieceLength: 16,
    splitByUnicodeScript: true,
    splitByWhitespace: true,
    splitByNumber: true,
    splitDigits: false,
    treatWhitespaceAsSuffix: false,
    byteFallback: false,
    controlSymbols: [],
    userDefinedSymbols: [],
    unkId: 0,
    bosId: 1,
    eosId: 2,
    padId: -1,
    unkSurface: ' \u2047 ',
    unkPiece: '<unk>',
    bosPiece: '<s>',
    eosPiece: '</s>',
    padPiece: '<pad>',
    unknownFields: new Uint8Array(0),
    ...values,
  };
}

/** A {@link NormalizerSpec} with SentencePiece's defaults (and no charsmap), changed by `values`. */
export function normalizerSpec(values: Partial<NormalizerSpec> = {}): NormalizerSpec {
  return {
    name: '',
    precompiledCharsmap: new Uint8Array(0),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
    unknownFields: new Uint8Array(0),
    ...values,
  };
}

/** Parses a SentencePiece model file. Throws `invalid_file` when the bytes are not one. */
export function parseSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  // A plain view: Node's Buffer would make `slice` share memory and stay a Buffer.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces = new PieceReader(plain);
  const unknown: Uint8Array[] = [];
  let trainer = trainerSpec();
  let normalizer = normalizerSpec();
  const field = new FieldReader(plain);
  while (field.next()) {
    if (field.number <= 3 && field.wireType !== 2) damaged(`field ${field.number} is stored in another way`);
    if (field.number === 1) pieces.read(field.start, field.end);
    else if (field.number === 2) trainer = parseTrainer(plain.subarray(field.start, field.end));
    else if (field.number === 3)
      normalizer = parseKnown(plain.subarray(field.start, field.end), normalizerSpec(), NORMALIZER_FIELDS);
    else if (field.number !== SELF_TEST_FIELD) unknown.push(plain.subarray(field.tagStart, field.end));
  }
  if (pieces.count === 0)
    throw new AlbertineError('invalid_file', 'a SentencePiece model must have pieces, found none', {
      value: bytes.length,
    });
  return { pieces: pieces.finish(), trainer, normalizer, unknownFields: concatenate(unknown) };
}

/**
 * Serialises a model so that SentencePiece itself reads it; {@link parseSentencePieceModel} gives back an equal model.
 */
export function writeSentencePieceModel(model: SentencePieceModel): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { piece, score, type } of model.pieces) {
    const message = new ProtobufWriter().string(1, piece).float(2, score);
    if (type !== 'normal') message.integer(3, PIECE_TYPES[type]);
    writer.message(1, message);
  }
  const trainer = new ProtobufWriter().integer(ALGORITHM_FIELD, ALGORITHMS[model.trainer.algorithm]);
  writeKnown(trainer, model.trainer, TRAINER_FIELDS);
  const normalizer = new ProtobufWriter();
  writeKnown(normalizer, model.normalizer, NORMALIZER_FIELDS);
  writer.message(2, trainer).message(3, normalizer).raw(model.unknownFields);
  return writer.finish();
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads the tens of thousands of piece messages of a model without an object for each; their texts are decoded
 * together.
 */
class PieceReader {
  count = 0;
  private readonly message: Uint8Array;
  private readonly field: FieldReader;
  private readonly scores: Float32Array;
  private readonly types: Uint8Array;
  /** The texts, each with a NUL after it, and where each begins. */
  private readonly texts: Uint8Array;
  private readonly starts: Int32Array;

  constructor(message: Uint8Array) {
    // A piece takes at least two bytes of its model; what is not needed of these arrays is never touched.
    const most = message.length >> 1;
    this.message = message;
    this.field = new FieldReader(message);
    this.scores = new Float32Array(most);
    this.types = new Uint8Array(most);
    this.texts = new Uint8Array(message.length);
    this.starts = new Int32Array(most + 1);
  }

  /** Reads the piece in `[from, to)` of the message. */
  read(from: number, to: number): void {
    const { field, message, texts } = this;
    const id = this.count++;
    this.types[id] = PIECE_TYPES.normal;
    let start = 0;
    let end = 0;
    field.enter(from, to);
    while (field.next()) {
      if (field.number === 1) ({ start, end } = field);
      else if (field.number === 2)
        this.scores[id] =
          field.wireType === 5 && Number.isFinite(field.float())
            ? field.float()
            : damaged(`the score of piece ${id} is no number`);
      else if (field.number === 3) {
        if (!PIECE_TYPE_OF.has(field.varint))
          throw new AlbertineError('invalid_file', `piece ${id} has an unknown type, ${field.varint}`, {
            value: field.varint,
          });
        this.types[id] = field.varint;
      }
    }
    let length = this.starts[id];
    while (start < end) texts[length++] = message[start++];
    this.starts[id + 1] = length + 1;
  }

  finish(): SentencePiece[] {
    const { count, scores, types, texts, starts } = this;
    let pieces = decoder.decode(texts.subarray(0, starts[count] - 1)).split('\0');
    // Texts with a NUL of their own have been cut.
    if (pieces.length !== count)
      pieces = Array.from({ length: count }, (_, id) => decoder.decode(texts.subarray(starts[id], starts[id + 1] - 1)));
    return pieces.map((piece, id) => ({ piece, score: scores[id], type: PIECE_TYPE_OF.get(types[id])! }));
  }
}

function parseTrainer(message: Uint8Array): TrainerSpec {
  const trainer = parseKnown(message, trainerSpec(), TRAINER_FIELDS, [ALGORITHM_FIELD]);
  for (const field of readFields(message)) {
    if (field.number !== ALGORITHM_FIELD) continue;
    const algorithm = ALGORITHM_OF.get(field.varint);
    if (algorithm === undefined)
      throw new AlbertineError('invalid_file', `unknown SentencePiece model_type ${field.varint}`, {
        value: field.varint,
      });
    trainer.algorithm = algorithm;
  }
  return trainer;
}

type FieldTable = Record<string, [number, FieldKind]>;

/** Fills `target` from the message; fields outside `table` (and not in `handledElsewhere`) go to `unknownFields`. */
function parseKnown<T extends { unknownFields: Uint8Array }>(
  message: Uint8Array,
  target: T,
  table: FieldTable,
  handledElsewhere: number[] = [],
): T {
  const byNumber = new Map(Object.entries(table).map(([name, [number, kind]]) => [number, { name, kind }]));
  const values = target as Record<string, unknown>;
  const unknown: Uint8Array[] = [];
  for (const field of readFields(message)) {
    const known = byNumber.get(field.number);
    if (!known) {
      if (!handledElsewhere.includes(field.number)) unknown.push(field.raw);
    } else if (field.wireType !== WIRE_TYPES[known.kind]) damaged(`${known.name} is stored in another way`);
    else if (known.kind === 'strings') (values[known.name] as string[]).push(decoder.decode(field.bytes));
    else values[known.name] = valueOf(field, known.kind);
  }
  target.unknownFields = concatenate(unknown);
  return target;
}

/** How each kind is written: wire type 0, 2 or 5. */
const WIRE_TYPES: Record<FieldKind, number> = { integer: 0, boolean: 0, float: 5, string: 2, strings: 2, bytes: 2 };

function damaged(problem: string): never {
  throw new AlbertineError('invalid_file', `not a SentencePiece model: ${problem}`, { hint: 'The file is damaged' });
}

function valueOf(field: ProtobufField, kind: Exclude<FieldKind, 'strings'>): unknown {
  switch (kind) {
    case 'integer':
      return field.varint;
    case 'boolean':
      return field.varint !== 0;
    case 'float':
      return floatOf(field);
    case 'string':
      return decoder.decode(field.bytes);
    case 'bytes':
      return field.bytes.slice();
  }
}

function writeKnown(writer: ProtobufWriter, source: { unknownFields: Uint8Array }, table: FieldTable): void {
  const values = source as unknown as Record<string, unknown>;
  for (const [name, [number, kind]] of Object.entries(table)) {
    const value = values[name];
    if (kind === 'integer') writer.integer(number, value as number);
    else if (kind === 'boolean') writer.integer(number, value ? 1 : 0);
    else if (kind === 'float') writer.float(number, value as number);
    else if (kind === 'bytes') writer.bytes(number, value as Uint8Array);
    else for (const text of kind === 'strings' ? (value as string[]) : [value as string]) writer.string(number, text);
  }
  writer.raw(source.unknownFields);
}
