import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { floatOf, ProtobufWriter, readFields } from '../../src/core/protobuf.ts';
import {
  normalizerSpec,
  parseSentencePieceModel,
  type SentencePieceModel,
  trainerSpec,
  writeSentencePieceModel,
} from '../../src/tokenizer/sentencepiece-model.ts';

const shared = '../shared/data';

function small(): SentencePieceModel {
  return {
    pieces: [
      { piece: '<unk>', score: 0, type: 'unknown' },
      { piece: '[CLS]', score: 0, type: 'control' },
      { piece: '▁naïve', score: Math.fround(-1.25), type: 'normal' },
      { piece: '😀', score: Math.fround(-3.3), type: 'userDefined' },
      { piece: '<0x0A>', score: 0, type: 'byte' },
      { piece: 'x', score: Math.fround(-9.5), type: 'unused' },
    ],
    trainer: trainerSpec({
      vocabSize: 6,
      padId: -1,
      byteFallback: true,
      userDefinedSymbols: ['😀', 'b'],
      unkSurface: '',
    }),
    normalizer: normalizerSpec({
      name: 'identity',
      addDummyPrefix: false,
      precompiledCharsmap: new Uint8Array([1, 2, 3]),
    }),
    unknownFields: new Uint8Array(0),
  };
}

describe('SentencePiece model files', () => {
  it('gives back what was written', () => {
    expect(parseSentencePieceModel(writeSentencePieceModel(small()))).toEqual(small());
  });

  it('keeps fields it does not know and drops self-test samples', () => {
    const extra = new ProtobufWriter();
    extra.bytes(1, new TextEncoder().encode('corpus.txt')); // TrainerSpec.input
    const unknown = new ProtobufWriter();
    unknown.bytes(5, new Uint8Array([24, 0])); // ModelProto.denormalizer_spec
    const model = {
      ...small(),
      trainer: trainerSpec({ unknownFields: extra.finish() }),
      unknownFields: unknown.finish(),
    };
    const written = new ProtobufWriter();
    written.raw(writeSentencePieceModel(model));
    written.bytes(4, new Uint8Array([1]));
    expect(parseSentencePieceModel(written.finish())).toEqual(model);
  });

  it('says what is wrong with other files', () => {
    expect(() =>
      parseSentencePieceModel(new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n')),
    ).toThrow(/malformed protobuf/);
    expect(() => parseSentencePieceModel(new Uint8Array(0))).toThrow(/must have pieces/);
    const cut = writeSentencePieceModel(small());
    expect(() => parseSentencePieceModel(cut.subarray(0, cut.length - 3))).toThrow(/runs past the end/);
  });

  it('reads and writes every varint width', () => {
    const values = [
      0,
      1,
      127,
      128,
      300,
      2 ** 28 - 1,
      2 ** 28,
      2 ** 31,
      2 ** 32,
      2 ** 35 + 5,
      Number.MAX_SAFE_INTEGER,
      -1,
      -2147483648,
    ];
    const writer = new ProtobufWriter();
    for (const value of values) writer.integer(7, value);
    writer.float(8, 0.1);
    const fields = [...readFields(writer.finish())];
    expect(fields.slice(0, -1).map((field) => field.varint)).toEqual(values);
    expect(floatOf(fields.at(-1)!)).toBe(Math.fround(0.1));
  });

  it.skipIf(!existsSync(shared))('round-trips published models (needs ../shared/data)', () => {
    for (const name of [
      'albert-en-spiece/spiece.model',
      'sentencepiece-test/test_ja_model.model',
      'sentencepiece-test/fast_sentencepiece.model',
    ]) {
      const model = parseSentencePieceModel(readFileSync(`${shared}/${name}`));
      expect(model.pieces.length).toBe(model.trainer.vocabSize);
      const again = parseSentencePieceModel(writeSentencePieceModel(model));
      expect([again.trainer, again.normalizer.name, again.unknownFields]).toEqual([
        model.trainer,
        model.normalizer.name,
        model.unknownFields,
      ]);
      expect(JSON.stringify(again.pieces)).toBe(JSON.stringify(model.pieces));
      expect(Buffer.compare(again.normalizer.precompiledCharsmap, model.normalizer.precompiledCharsmap)).toBe(0);
    }
  });
});
