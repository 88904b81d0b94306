import { Type } from '../typebox.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import type { LongTextPolicy } from '../../loaded/text-windows.ts';
import type { App } from '../app-type.ts';
import { useErrorForm } from '../error-forms.ts';
import { ask, inSlices, tellLongTexts, textsIn, type ServerParts } from '../asking.ts';
import { embedInputs, plain } from '../embedding.ts';
import type { ServedModel } from '../served-model.ts';

const Tensor = Type.Object({
  name: Type.String(),
  shape: Type.Array(Type.Integer({ minimum: 0 })),
  datatype: Type.String(),
  data: Type.Array(Type.Unknown()),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
type TensorBody = Type.Static<typeof Tensor>;

const InferBody = Type.Object({
  id: Type.Optional(Type.String()),
  inputs: Type.Array(Tensor, { minItems: 1 }),
  outputs: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const VERSION = '1';

/** The second version of KServe's protocol ("Open Inference Protocol"), over REST. */
export function kserveRoutes(app: App, parts: ServerParts): void {
  useErrorForm(app, ({ message }) => ({ body: { error: message } }), parts);
  const { pool } = parts;
  const tags = ['KServe'];
  app.get('/v2', { schema: { tags, summary: 'The server' } }, () => ({
    name: 'albertine',
    version: parts.version,
    extensions: [],
  }));
  const params = Type.Object({ model: Type.String() });
  const versioned = Type.Object({ model: Type.String(), version: Type.String() });
  app.get(
    '/v2/models/:model/ready',
    { schema: { tags, summary: 'Whether a model is open (503 where it is not)', params } },
    (request, reply) => {
      const { name } = pool.find(request.params.model);
      const ready = pool.isLoaded(name);
      return reply.code(ready ? 200 : 503).send({ name, ready });
    },
  );
  app.get('/v2/models/:model', { schema: { tags, summary: 'Tensors of a model', params } }, async (request) =>
    pool.use(request.params.model, describe),
  );
  const schema = { tags, summary: 'Asks a model', body: InferBody };
  app.post('/v2/models/:model/infer', { schema: { ...schema, params } }, (request, reply) =>
    infer(parts, { request, reply, model: request.params.model, body: request.body }),
  );
  app.post(
    '/v2/models/:model/versions/:version/infer',
    { schema: { ...schema, params: versioned } },
    (request, reply) => {
      const { model, version } = request.params;
      if (version !== VERSION)
        throw new AlbertineError('not_found', `${model} has no version ${version}`, { value: version });
      return infer(parts, { request, reply, model, body: request.body });
    },
  );
}

async function describe(served: ServedModel): Promise<object> {
  const { name, task, checkpoint } = served;
  const embeds = isEmbedder(served);
  return {
    name,
    versions: [VERSION],
    platform: 'albertine',
    inputs: [
      { name: 'text', datatype: 'BYTES', shape: [-1] },
      ...(embeds ? [] : [{ name: 'pair', datatype: 'BYTES', shape: [-1] }]),
    ],
    outputs: embeds
      ? [{ name: 'embedding', datatype: 'FP32', shape: [-1, checkpoint!.config.hiddenSize] }]
      : [{ name: 'result', datatype: 'BYTES', shape: [-1] }],
    parameters: { task },
  };
}

const isEmbedder = ({ task, checkpoint }: ServedModel): boolean => task === 'embedding' && checkpoint !== undefined;

interface Infer {
  request: Parameters<typeof ask>[1]['request'];
  reply: Parameters<typeof ask>[1]['reply'];
  model: string;
  body: Type.Static<typeof InferBody>;
}

/** Vectors of an embedding model; of any other its results, each as JSON. */
async function infer(parts: ServerParts, { request, reply, model, body }: Infer): Promise<object> {
  const { inputs, parameters = {}, id } = body;
  const asked = inputsOf(inputs);
  return await ask(parts, { request, reply, model, texts: textsIn(asked) }, async (served) => {
    const output = isEmbedder(served)
      ? await embedding(parts, { served, request, reply, asked, parameters })
      : await results(parts, { served, request, reply, asked, parameters });
    return { model_name: served.name, model_version: VERSION, ...(id !== undefined && { id }), outputs: [output] };
  });
}

interface Answering extends Pick<Infer, 'request' | 'reply'> {
  served: ServedModel;
  asked: readonly unknown[];
  parameters: Readonly<Record<string, unknown>>;
}

async function embedding(
  parts: ServerParts,
  { served, request, reply, asked, parameters }: Answering,
): Promise<object> {
  if (asked.some((input) => typeof input !== 'string'))
    throw new AlbertineError('invalid_argument', `${served.name} takes single texts`, { value: asked });
  const longText = (parameters['long_text'] ?? parts.settings.longText) as LongTextPolicy;
  const normalize = (parameters['normalize'] ?? true) as boolean;
  const { vectors, texts } = await embedInputs(served.network, asked as readonly string[], { longText, normalize });
  tellLongTexts(parts, { request, reply }, texts);
  return {
    name: 'embedding',
    datatype: 'FP32',
    shape: [vectors.length, vectors[0].length],
    data: vectors.flatMap(plain),
  };
}

async function results(parts: ServerParts, { served, request, reply, asked, parameters }: Answering): Promise<object> {
  const service = await served.service();
  const answers = await inSlices(asked, (slice) => service.answer(slice, parameters));
  tellLongTexts(
    parts,
    { request, reply },
    answers.map(({ counts }) => counts),
  );
  return {
    name: 'result',
    datatype: 'BYTES',
    shape: [answers.length],
    data: answers.map(({ record }) => JSON.stringify(record)),
  };
}

/** Texts; pairs, where there is a second tensor; inputs of other tasks as JSON, one in each element. */
function inputsOf(tensors: readonly TensorBody[]): unknown[] {
  const known = ['text', 'pair', 'input'];
  for (const { name, datatype, data, shape } of tensors) {
    if (!known.includes(name))
      throw wrong(`there is no input ${describeValue(name)}; there are ${known.join(', ')}`, name);
    if (datatype !== 'BYTES') throw wrong(`the input ${name} is of BYTES, got ${datatype}`, datatype);
    if (!data.every((element) => typeof element === 'string')) throw wrong(`the data of ${name} are texts`, data);
    const size = shape.reduce((product, length) => product * length, 1);
    if (size !== data.length) throw wrong(`${name} has ${data.length} elements, its shape ${size}`, shape);
  }
  const of = (name: string): string[] | undefined => tensors.find((one) => one.name === name)?.data as string[];
  const [text, pair, input] = known.map(of);
  if (input) return input.map(parse);
  if (!text)
    throw wrong(
      'the input text is missing',
      tensors.map(({ name }) => name),
    );
  if (text.length === 0) throw wrong('there must be at least one text', text);
  if (!pair) return text;
  if (pair.length !== text.length) throw wrong(`${text.length} texts and ${pair.length} of pair`, pair.length);
  return text.map((one, i) => ({ text: one, pair: pair[i] }));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw wrong(`an element of input is no JSON: ${describeValue(text)}`, text);
  }
}

const wrong = (message: string, value: unknown): AlbertineError =>
  new AlbertineError('invalid_argument', message, { value });
