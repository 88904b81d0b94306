import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from '../typebox.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import type { App } from '../app-type.ts';
import { useErrorForm } from '../error-forms.ts';
import { ask, inSlices, tellLongTexts, textsIn, type ServerParts } from '../asking.ts';
import { embedInputs, plain, policyOf, similarities } from '../embedding.ts';
import type { ServedModel } from '../served-model.ts';

const Body = Type.Object(
  {
    inputs: Type.Unknown({ description: 'of the task: a text, texts, or an object of texts' }),
    parameters: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
    options: Type.Optional(Type.Unknown({ description: 'of their hosting; ignored' })),
  },
  { additionalProperties: true, description: 'parameters may stand beside inputs too' },
);
type BodyOf = Type.Static<typeof Body>;

type EmbeddingTask = 'feature-extraction' | 'sentence-similarity';

/** The forms of Hugging Face's inference API: a model's own task, or one that is named. */
export function huggingFaceRoutes(app: App, parts: ServerParts): void {
  useErrorForm(app, ({ message }) => ({ body: { error: message } }), parts);
  const tags = ['Hugging Face'];
  const route = (path: string, summary: string): void => {
    app.post(path, { schema: { tags, summary, body: Body } }, async (request, reply) => {
      const { model, task } = request.params as { model?: string; task?: string };
      return await respond(parts, { request, reply, body: request.body as BodyOf, model, task });
    });
  };
  route('/', 'Asks the first model for its task');
  route('/models/:model', 'Asks a model for its task');
  route('/models/:model/pipeline/:task', 'Asks a model for a task');
  route('/pipeline/:task/:model', 'Asks a model for a task');
  route('/pipeline/:task', 'Asks the first model for a task');
}

interface Asked {
  request: FastifyRequest;
  reply: FastifyReply;
  body: BodyOf;
  model: string | undefined;
  task: string | undefined;
}

async function respond(parts: ServerParts, { request, reply, body, model, task }: Asked): Promise<unknown> {
  const { inputs, parameters, ...beside } = body as BodyOf & Record<string, unknown>;
  delete beside.options;
  const given = { ...beside, ...parameters };
  return await ask(parts, { request, reply, model, texts: textsIn(inputs) }, async (served) => {
    const name = task ?? (embeds(served) ? taskOf(inputs) : undefined);
    if (name === 'feature-extraction' || name === 'sentence-similarity')
      return await embedded(parts, { served, request, reply, inputs, given, name });
    const service = await served.huggingFace(name, given);
    const asked = service.huggingFace.ask(inputs, given);
    const answers = await inSlices(asked.inputs, (slice) => service.answer(slice, asked.options));
    tellLongTexts(
      parts,
      { request, reply },
      answers.map(({ counts }) => counts),
    );
    return service.huggingFace.respond(answers, { inputs, parameters: given });
  });
}

/** Whether vectors are what a model is for: its folder says how they are made, or it can do nothing else. */
const embeds = ({ task, checkpoint, services }: ServedModel): boolean =>
  checkpoint !== undefined && task === 'embedding' && (checkpoint.pooling !== undefined || services.length === 0);

/** What an embedding model is asked for shows in the inputs. */
const taskOf = (inputs: unknown): EmbeddingTask =>
  typeof inputs === 'object' && inputs !== null && 'source_sentence' in inputs
    ? 'sentence-similarity'
    : 'feature-extraction';

async function embedded(
  parts: ServerParts,
  {
    served,
    inputs,
    given,
    name,
    ...exchange
  }: {
    served: ServedModel;
    request: FastifyRequest;
    reply: FastifyReply;
    inputs: unknown;
    given: Readonly<Record<string, unknown>>;
    name: EmbeddingTask;
  },
): Promise<unknown> {
  const longText = policyOf(given['truncate'], parts.settings.longText);
  const normalize = given['normalize'] as boolean | undefined;
  const prompt = given['prompt_name'] as string | undefined;
  const options = { longText, ...(typeof prompt === 'string' && { prompt }) };
  if (name === 'sentence-similarity') {
    const { source_sentence: source, sentences } = inputs as { source_sentence?: unknown; sentences?: unknown };
    const texts = textsOf([source, ...(Array.isArray(sentences) ? (sentences as unknown[]) : [undefined])]);
    const { cosines, texts: told } = await similarities(served.network, texts, options);
    tellLongTexts(parts, exchange, told);
    return cosines;
  }
  const texts = textsOf(Array.isArray(inputs) ? (inputs as unknown[]) : [inputs]);
  const { vectors, texts: told } = await embedInputs(served.network, texts, {
    ...options,
    ...(typeof normalize === 'boolean' && { normalize }),
  });
  tellLongTexts(parts, exchange, told);
  return Array.isArray(inputs) ? vectors.map(plain) : plain(vectors[0]);
}

function textsOf(inputs: readonly unknown[]): string[] {
  if (inputs.length > 0 && inputs.every((input) => typeof input === 'string')) return inputs as string[];
  throw new AlbertineError('invalid_argument', `inputs must be texts, got ${describeValue(inputs)}`, { value: inputs });
}
