import { join } from 'node:path';
import { isAdapterFolder } from '../checkpoint/adapter-folder-node.ts';
import { AlbertineError } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { architectureOf, HEAD_NAMES, headOf, type HeadName } from '../model/heads.ts';
import { loadOrt } from '../runtime/ort.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import { Albert } from './albert.ts';
import { MODEL_KEYS } from '../checkpoint/model-keys.ts';
import { SAMPLE_TEXTS } from './sample-texts.ts';

/** One text (or pair) with what it becomes here. */
export interface ParityCase {
  text: string;
  pair?: string;
  ids: number[];
  typeIds: number[];
  /** Of every output at most {@link VALUES}, evenly spread over its numbers in row-major order. */
  values: number[][];
}

/** What a folder gives in Node, for `docs/parity.py` to compare with what it gives in Python. */
export interface ParityRecord {
  folder: string;
  /** The class of `transformers` that loads it, `SentenceTransformer`, or the ONNX file's name. */
  loader: string;
  /** Names of the outputs, in the order of {@link ParityCase.values}. */
  outputs: string[];
  /** Those of them that have a row a token. */
  perToken: string[];
  /** Tokens at which both truncate. */
  maxLength: number;
  cases: ParityCase[];
}

/** A text as the network reads it. */
interface Tokenised {
  ids: Int32Array;
  typeIds: Int32Array;
}

/** A folder, ready to answer. */
interface Subject extends Pick<ParityRecord, 'loader' | 'outputs' | 'perToken' | 'maxLength'> {
  pairs: boolean;
  encode(text: string, pair: string | undefined): Tokenised;
  /** The outputs for one encoded text (or the text itself), each flat. */
  run(input: Tokenised & { text: string }): Promise<ArrayLike<number>[]>;
}

const VALUES = 256;
const ONNX_FILE = 'onnx/model.onnx';

/**
 * Short and long ones, in both languages, with numbers, accents, quotes and nothing at all; the last is longer than any
 * model takes.
 */
export const PARITY_TEXTS: readonly string[] = [
  ...SAMPLE_TEXTS.slice(0, 8),
  'Crème brûlée, naïve façades — 1,234.56 km², ½ of it',
  "“Don't!” she said: it's `quoted` ``twice''",
  '  two  spaces\tand a tab ',
  '',
  SAMPLE_TEXTS.join(' '),
];

/**
 * Runs texts through a folder that this package wrote, as Python will: truncated, in f32. For a classifier of pairs
 * each text is paired with the one after it. Throws `unsupported` for an int8 checkpoint, which Python does not read.
 */
export async function parityRecord(folder: string, texts: readonly string[] = PARITY_TEXTS): Promise<ParityRecord> {
  if (isAdapterFolder(folder))
    throw new AlbertineError('unsupported', `${folder} is an adapter, which transformers does not load by itself`, {
      value: folder,
      hint: "Fold it into its base (albertine convert --to safetensors), or load it with Python's peft",
    });
  const files = await openFolder(folder);
  if (
    await files.size(ONNX_FILE).then(
      () => true,
      () => false,
    )
  )
    return record(folder, texts, await openOnnx(folder));
  using model = await Albert.open(files);
  if (model.checkpoint.quantization)
    throw new AlbertineError(
      'unsupported',
      `int8 checkpoints are for albertine alone, so there is nothing to compare in Python: ${folder}`,
      { value: folder, hint: 'Compare the folder that it was made from' },
    );
  return await record(folder, texts, checkpointSubject(model));
}

async function record(folder: string, texts: readonly string[], subject: Subject): Promise<ParityRecord> {
  const { loader, outputs, perToken, maxLength } = subject;
  const cases: ParityCase[] = [];
  for (const [index, text] of texts.entries()) {
    const pair = subject.pairs ? texts[(index + 1) % texts.length] : undefined;
    const { ids, typeIds } = subject.encode(text, pair);
    const results = await subject.run({ ids, typeIds, text });
    cases.push({
      text,
      ...(pair !== undefined && { pair }),
      ids: Array.from(ids),
      typeIds: Array.from(typeIds),
      values: results.map(spread),
    });
  }
  return { folder, loader, outputs, perToken, maxLength, cases };
}

/** The numbers that are compared; Python takes those at the same places. */
function spread(values: ArrayLike<number>): number[] {
  const count = Math.min(VALUES, values.length);
  return Array.from({ length: count }, (_, i) => values[Math.floor((i * values.length) / count)]);
}

function checkpointSubject(model: Albert): Subject {
  const { tokenizer, checkpoint } = model;
  const { extra } = checkpoint.details;
  const trained = extra[MODEL_KEYS.maxLength];
  const maxLength = Math.min(model.maxLength, typeof trained === 'number' ? trained : Infinity);
  const answers = model.pooling === undefined ? answersOf(model) : SENTENCES;
  const { loader, outputs, perToken } = answers;
  return {
    loader,
    outputs,
    perToken,
    maxLength,
    pairs: extra[MODEL_KEYS.pairs] === true,
    encode: (text, pair) => tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) }),
    run: async ({ ids, typeIds, text }) => {
      if (answers === SENTENCES) return [(await model.embed([text], { longText: 'truncate' })).data];
      const { lastHiddenState } = await model.encoder.forward({
        batchSize: 1,
        sequenceLength: ids.length,
        inputIds: ids,
        tokenTypeIds: typeIds,
      });
      return answers.run(model, lastHiddenState);
    },
  };
}

interface Answers extends Pick<Subject, 'loader' | 'outputs' | 'perToken'> {
  run(model: Albert, hidden: Float32Array): Promise<ArrayLike<number>[]>;
}

const SENTENCES: Answers = {
  loader: 'SentenceTransformer',
  outputs: ['embedding'],
  perToken: [],
  run: () => Promise.resolve([]),
};
const ENCODER: Omit<Answers, 'loader'> = {
  outputs: ['last_hidden_state'],
  perToken: ['last_hidden_state'],
  run: (_, hidden) => Promise.resolve([hidden]),
};

/** What the class of `transformers` that a checkpoint names answers. */
function answersOf({ loaded, config }: Albert): Answers {
  const name = HEAD_NAMES.find((each) => loaded.heads.includes(each));
  const loader = architectureOf(name === undefined ? [] : [name], config);
  if (name === undefined) return { loader, ...ENCODER };
  if (name === 'sentenceOrder') {
    // Its class has the masked words too, under names of their own.
    if (!loaded.heads.includes('maskedLm'))
      return { loader, outputs: ['sop_logits'], perToken: [], run: (model, hidden) => answerOf(name, model, hidden) };
    const run: Answers['run'] = async (model, hidden) => [
      ...(await answerOf('maskedLm', model, hidden)),
      ...(await answerOf('sentenceOrder', model, hidden)),
    ];
    return { loader, outputs: ['prediction_logits', 'sop_logits'], perToken: ['prediction_logits'], run };
  }
  const { reads, onnxOutputs } = headOf(name);
  return {
    loader,
    outputs: [...onnxOutputs],
    perToken: reads === 'pooled' ? [] : [...onnxOutputs],
    run: (model, hidden) => answerOf(name, model, hidden),
  };
}

/** Every output of one head for one text, from its last hidden state. */
async function answerOf(name: HeadName, { encoder }: Albert, hidden: Float32Array): Promise<ArrayLike<number>[]> {
  const { reads, onnxOutputs } = headOf(name);
  const logits = await encoder.logits(name, reads === 'pooled' ? await encoder.pool(hidden, 1) : hidden); // [1 or tokens, outputs]
  if (onnxOutputs.length === 1) return [logits];
  return onnxOutputs.map((_, column) => logits.filter((_value, i) => i % onnxOutputs.length === column));
}

/** Outputs of an ONNX file that have a row a text. */
const PER_TEXT: readonly string[] = ['pooler_output', 'sentence_embedding', 'sop_logits'];

/** Whether `logits` are those of tokens: a tagger's or a masked-word model's. */
function isPerToken({ architectures }: Record<string, unknown>): boolean {
  return !String(architectures).endsWith('ForSequenceClassification');
}

/** A folder of `convert --to onnx`: its file is run as it is, its tokeniser as Node reads it. */
async function openOnnx(folder: string): Promise<Subject> {
  const { ort } = await loadOrt();
  const files = await openFolder(folder);
  const json = JSON.parse(new TextDecoder().decode(await files.read('config.json'))) as Record<string, unknown>;
  const settings = JSON.parse(new TextDecoder().decode(await files.read('tokenizer_config.json'))) as {
    model_max_length: number;
  };
  const tokenizer = await loadTokenizer(files);
  const session = await ort.InferenceSession.create(join(folder, ONNX_FILE));
  const perToken = [...session.outputNames].filter(
    (name) => !PER_TEXT.includes(name) && !(name === 'logits' && !isPerToken(json)),
  );
  const maxLength = settings.model_max_length;
  return {
    loader: ONNX_FILE,
    outputs: [...session.outputNames],
    perToken,
    maxLength,
    pairs: json[MODEL_KEYS.pairs] === true,
    encode: (text, pair) => tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) }),
    run: async ({ ids, typeIds }) => {
      const int64 = (values: ArrayLike<number>) =>
        new ort.Tensor('int64', BigInt64Array.from(Array.from(values, BigInt)), [1, ids.length]);
      const results = await session.run({
        input_ids: int64(ids),
        attention_mask: int64(new Int32Array(ids.length).fill(1)),
        token_type_ids: int64(typeIds),
      });
      return session.outputNames.map((name) => results[name].data as Float32Array);
    },
  };
}
