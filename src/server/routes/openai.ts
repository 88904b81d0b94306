import { Type } from '../typebox.ts';
import type { LongTextPolicy } from '../../loaded/text-windows.ts';
import type { App } from '../app-type.ts';
import { useErrorForm, type ErrorForm } from '../error-forms.ts';
import { ask, tellLongTexts, type ServerParts } from '../asking.ts';
import { costOf, embedInputs, plain, type EmbedInput } from '../embedding.ts';
import type { Problem } from '../problems.ts';

const Ids = Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 });

const EmbeddingsBody = Type.Object(
  {
    input: Type.Union(
      [Type.String(), Type.Array(Type.String(), { minItems: 1 }), Ids, Type.Array(Ids, { minItems: 1 })],
      { description: 'a text, texts, or token ids of the model’s own tokeniser' },
    ),
    model: Type.Optional(Type.String({ description: 'default: the first one' })),
    encoding_format: Type.Optional(Type.Union([Type.Literal('float'), Type.Literal('base64')])),
    dimensions: Type.Optional(Type.Integer({ minimum: 1 })),
    user: Type.Optional(Type.String()),
    long_text: Type.Optional(
      Type.Union([Type.Literal('window'), Type.Literal('truncate'), Type.Literal('error')], {
        description: 'not of OpenAI: what happens to texts longer than the model takes',
      }),
    ),
  },
  { description: 'of OpenAI; unknown fields are ignored' },
);

/** The embeddings of OpenAI's API, and its list of models. */
export function openAiRoutes(app: App, parts: ServerParts): void {
  useErrorForm(app, openAiError, parts);
  const { settings, pool } = parts;
  const schema = { tags: ['OpenAI'], summary: 'Vectors of texts', body: EmbeddingsBody };
  for (const path of ['/v1/embeddings', '/embeddings'])
    app.post(path, { schema }, async (request, reply) => {
      const { input, model, encoding_format: format = 'float', dimensions, long_text } = request.body;
      const inputs = inputsOf(input);
      const longText: LongTextPolicy = long_text ?? settings.longText;
      return await ask(parts, { request, reply, model, ...costOf(inputs) }, async (served) => {
        const { vectors, texts, fingerprint } = await embedInputs(served.network, inputs, {
          longText,
          normalize: true,
          ...(dimensions !== undefined && { dimensions }),
        });
        const used = texts.reduce((sum, { tokenCount, truncatedTokens }) => sum + tokenCount - truncatedTokens, 0);
        return {
          object: 'list',
          data: vectors.map((vector, index) => ({
            object: 'embedding',
            index,
            embedding: format === 'base64' ? base64(vector) : plain(vector),
          })),
          model: served.name,
          usage: { prompt_tokens: used, total_tokens: used },
          long_text: { policy: longText, ...tellLongTexts(parts, { request, reply }, texts) },
          fingerprint,
        };
      });
    });
  const started = Math.floor(Date.now() / 1000);
  const entry = (id: string): object => ({ id, object: 'model', created: started, owned_by: 'albertine' });
  app.get('/v1/models', { schema: { tags: ['OpenAI'], summary: 'The models' } }, () => ({
    object: 'list',
    data: pool.names.map(entry),
  }));
  app.get(
    '/v1/models/*',
    { schema: { tags: ['OpenAI'], summary: 'One of the models', params: Type.Object({ '*': Type.String() }) } },
    (request) => entry(pool.find(request.params['*']).name),
  );
}

/** One of ids alone is one text. */
function inputsOf(input: string | string[] | number[] | number[][]): readonly EmbedInput[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as EmbedInput[]);
}

/** Bytes of 32-bit numbers, little-endian, as its clients read them. */
function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  404: 'invalid_request_error',
  429: 'rate_limit_error',
};

function openAiError({ status, code, message }: Problem): ReturnType<ErrorForm> {
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return { body: { error: { message, type, param: null, code: status === 404 ? 'model_not_found' : code } } };
}
