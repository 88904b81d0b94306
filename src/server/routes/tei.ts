import { Type } from '../typebox.ts';
import { AlbertineError } from '../../core/errors.ts';
import { short } from '../../data/json.ts';
import type { LongTextPolicy } from '../../loaded/text-windows.ts';
import type { ClassifierInput, ScoredLabel } from '../../tasks/classify/task.ts';
import type { TextCounts } from '../../tasks/task.ts';
import type { App } from '../app-type.ts';
import { useErrorForm, type ErrorForm } from '../error-forms.ts';
import { ask, inSlices, tellLongTexts, type ServerParts } from '../asking.ts';
import { costOf, embedInputs, plain, policyOf, similarities, type EmbedInput } from '../embedding.ts';
import type { Problem } from '../problems.ts';
import type { ServedModel } from '../served-model.ts';
import { decodeIds, simpleTokens } from '../tokens.ts';

const Ids = Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 });
const Texts = Type.Array(Type.String(), { minItems: 1 });
const Inputs = Type.Union([Type.String(), Type.Array(Type.Union([Type.String(), Ids]), { minItems: 1 }), Ids]);

/** What every request of text-embeddings-inference may have, and the name of a model, which is ours. */
const COMMON = {
  model: Type.Optional(Type.String({ description: 'not of TEI: default the first one' })),
  truncate: Type.Optional(
    Type.Union([Type.Boolean(), Type.Null()], {
      description: 'true: long texts are cut; false: they are refused; default: --long-text, which reads all of them',
    }),
  ),
  truncation_direction: Type.Optional(
    Type.Union([Type.Literal('Right'), Type.Literal('right'), Type.Literal('Left'), Type.Literal('left')]),
  ),
  prompt_name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
};
type Common = { truncate?: boolean | null; truncation_direction?: string; prompt_name?: string | null };

const Sequence = Type.Array(Type.String(), { minItems: 1, maxItems: 2 });
const PredictInputs = Type.Union([Type.String(), Sequence, Type.Array(Sequence, { minItems: 1 })]);

/** The API of Hugging Face's text-embeddings-inference (1.9). */
export function teiRoutes(app: App, parts: ServerParts): void {
  useErrorForm(app, teiError, parts);
  embedRoutes(app, parts);
  tokenRoutes(app, parts);
  classifierRoutes(app, parts);
  const { settings, pool } = parts;
  app.get('/info', { schema: { tags: ['TEI'], summary: 'The first model, and limits' } }, async () =>
    pool.use(undefined, async ({ name, network, task }) => ({
      model_id: name,
      model_sha: null,
      model_dtype: /dtype=([^;]*)/.exec(network.fingerprint)?.[1] === 'f32' ? 'float32' : 'int8',
      served_model_name: name,
      model_type:
        task === 'classify'
          ? { classifier: labelsOf(network.checkpoint.details.labels ?? []) }
          : task === 'rank'
            ? { reranker: labelsOf(network.checkpoint.details.labels ?? []) }
            : { embedding: { pooling: network.pooling ?? 'mean' } },
      max_concurrent_requests: settings.queueTokens,
      max_input_length: network.maxLength,
      max_batch_tokens: settings.batchTokens,
      max_batch_requests: null,
      max_client_batch_size: settings.requestTokens,
      auto_truncate: settings.longText === 'truncate',
      tokenization_workers: 1,
      version: parts.version,
      sha: null,
      docker_label: null,
      fingerprint: network.fingerprint,
    })),
  );
}

const labelsOf = (labels: readonly string[]): object => ({
  id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
  label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
});

function embedRoutes(app: App, parts: ServerParts): void {
  const { settings } = parts;
  const body = Type.Object({
    ...COMMON,
    inputs: Inputs,
    normalize: Type.Optional(Type.Boolean({ default: true })),
    dimensions: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  });
  app.post('/embed', { schema: { tags: ['TEI'], summary: 'Vectors of texts', body } }, async (request, reply) => {
    const { inputs: given, model, normalize = true, dimensions, ...common } = request.body;
    const inputs = inputsOf(given);
    return await ask(parts, { request, reply, model, ...costOf(inputs) }, async ({ network }) => {
      const { vectors, texts } = await embedInputs(network, inputs, {
        normalize,
        longText: longTextOf(common, settings.longText),
        ...promptOf(common),
        ...(dimensions && { dimensions }),
      });
      tellLongTexts(parts, { request, reply }, texts);
      return vectors.map(plain);
    });
  });
  const all = Type.Object({ ...COMMON, inputs: Type.Union([Type.String(), Texts]) });
  app.post(
    '/embed_all',
    { schema: { tags: ['TEI'], summary: 'A vector of every token, special ones included', body: all } },
    async (request, reply) => {
      const { inputs: given, model, ...common } = request.body;
      const inputs = typeof given === 'string' ? [given] : given;
      return await ask(parts, { request, reply, model, texts: inputs }, async ({ network }) => {
        const longText = longTextOf(common, settings.longText);
        const texts = await inSlices(inputs, (slice) => network.embedTokens(slice, { longText }));
        tellLongTexts(parts, { request, reply }, texts);
        return texts.map(({ tokens }) => tokens.map(({ embedding }) => plain(embedding)));
      });
    },
  );
  const similarity = Type.Object({
    model: COMMON.model,
    inputs: Type.Object({ source_sentence: Type.String(), sentences: Texts }),
    parameters: Type.Optional(Type.Union([Type.Object(COMMON), Type.Null()])),
  });
  app.post(
    '/similarity',
    { schema: { tags: ['TEI'], summary: 'Cosines of texts with one', body: similarity } },
    async (request, reply) => {
      const { inputs, parameters, model } = request.body;
      const texts = [inputs.source_sentence, ...inputs.sentences];
      return await ask(parts, { request, reply, model, texts }, async ({ network }) => {
        const { cosines, texts: told } = await similarities(network, texts, {
          longText: longTextOf(parameters ?? {}, settings.longText),
          ...promptOf(parameters ?? {}),
        });
        tellLongTexts(parts, { request, reply }, told);
        return cosines;
      });
    },
  );
}

function tokenRoutes(app: App, parts: ServerParts): void {
  const tokenize = Type.Object({
    model: COMMON.model,
    inputs: Type.Union([Type.String(), Texts]),
    add_special_tokens: Type.Optional(Type.Boolean({ default: true })),
    prompt_name: COMMON.prompt_name,
  });
  app.post('/tokenize', { schema: { tags: ['TEI'], summary: 'Tokens of texts', body: tokenize } }, async (request) => {
    const { inputs: given, model, add_special_tokens: special = true, ...common } = request.body;
    const inputs = typeof given === 'string' ? [given] : given;
    return await parts.pool.use(model, async ({ network }) => {
      const { prompt = '' } = promptOf(common);
      return await inSlices(inputs, async (slice) =>
        slice.map((text) => simpleTokens(network, text, { special, prompt })),
      );
    });
  });
  const decode = Type.Object({
    model: COMMON.model,
    ids: Type.Union([Ids, Type.Array(Ids, { minItems: 1 })]),
    skip_special_tokens: Type.Optional(Type.Boolean({ default: true })),
  });
  app.post('/decode', { schema: { tags: ['TEI'], summary: 'Texts of token ids', body: decode } }, async (request) => {
    const { ids, model, skip_special_tokens: skipSpecialTokens = true } = request.body;
    const lists = typeof ids[0] === 'number' ? [ids as number[]] : (ids as number[][]);
    return await parts.pool.use(model, async ({ network }) =>
      lists.map((list) => decodeIds(network, list, { skipSpecialTokens })),
    );
  });
}

function classifierRoutes(app: App, parts: ServerParts): void {
  const { settings } = parts;
  const predict = Type.Object({ ...COMMON, inputs: PredictInputs, raw_scores: Type.Optional(Type.Boolean()) });
  app.post(
    '/predict',
    { schema: { tags: ['TEI'], summary: 'Labels of texts or pairs', body: predict } },
    async (request, reply) => {
      const { inputs: given, model, raw_scores: raw = false, ...common } = request.body;
      const isBatch = Array.isArray(given) && Array.isArray(given[0]);
      const inputs = (isBatch ? given : [given]) as (string | string[])[];
      return await ask(parts, { request, reply, model, texts: inputs.flat() }, async (served) => {
        const longText = longTextOf(common, settings.longText);
        const { predictions, texts } = await labelled(served, inputs, { raw, longText });
        tellLongTexts(parts, { request, reply }, texts);
        return isBatch ? predictions : predictions[0];
      });
    },
  );
  const rerank = Type.Object({
    ...COMMON,
    query: Type.String(),
    texts: Texts,
    raw_scores: Type.Optional(Type.Boolean()),
    return_text: Type.Optional(Type.Boolean()),
  });
  app.post(
    '/rerank',
    { schema: { tags: ['TEI'], summary: 'Texts in the order that they fit a query', body: rerank } },
    async (request, reply) => {
      const { query, texts, model, raw_scores: raw = false, return_text: withText = false, ...common } = request.body;
      return await ask(
        parts,
        { request, reply, model, texts: [...texts, ...texts.map(() => query)] },
        async (served) => {
          served.requireOutputs('rerank', 1);
          const { Reranker } = await import('../../tasks/rank/reranker.ts');
          const longText = common.truncate === false ? 'error' : 'truncate';
          const [answer] = await Reranker.from(served.network).predict([{ query, candidates: texts }], { longText });
          tellLongTexts(parts, { request, reply }, [answer]);
          return answer.ranking.map(({ candidate, score }) => ({
            index: candidate,
            ...(withText && { text: texts[candidate] }),
            score: short(Math.fround(raw ? Math.log(score / (1 - score)) : score)),
          }));
        },
      );
    },
  );
}

/** Every label with its probability, or its logit, the best first. */
async function labelled(
  served: ServedModel,
  inputs: readonly (string | string[])[],
  { raw, longText }: { raw: boolean; longText: LongTextPolicy },
): Promise<{ predictions: { score: number; label: string }[][]; texts: TextCounts[] }> {
  const asked = inputs.map((input): ClassifierInput => {
    const [text, pair] = typeof input === 'string' ? [input] : input;
    return pair === undefined ? text : { text, pair };
  });
  if (!raw) {
    const service = await served.huggingFace('text-classification');
    const answers = await inSlices(asked, (slice) => service.answer(slice, served.checkpoint ? { longText } : {}));
    const lists = service.huggingFace.respond(answers, { inputs: asked, parameters: {} }) as ScoredLabel[][];
    return {
      predictions: lists.map((list) => list.map(({ label, score }) => ({ score, label }))),
      texts: answers.map(({ counts }) => counts),
    };
  }
  const { TextClassifier } = await import('../../tasks/classify/classifier.ts');
  const classifier = TextClassifier.from(served.network);
  const { logits, texts } = await classifier.logits(asked, { longText });
  const width = logits.length / asked.length;
  const predictions = asked.map((_, row) =>
    Array.from({ length: width }, (_unused, i) => ({
      score: short(logits[row * width + i]),
      label: classifier.labels[i] ?? `LABEL_${i}`,
    })).sort((a, b) => b.score - a.score),
  );
  return { predictions, texts };
}

/** A list of numbers is one text. */
function inputsOf(given: string | number[] | (string | number[])[]): readonly EmbedInput[] {
  if (typeof given === 'string') return [given];
  if (typeof given[0] === 'number') return [given as number[]];
  const inputs = given as EmbedInput[];
  if (inputs.some((input) => typeof input !== typeof inputs[0]))
    throw new AlbertineError('invalid_argument', 'inputs are either all texts or all token ids', { value: given });
  return inputs;
}

function longTextOf({ truncate, truncation_direction: side }: Common, usual: LongTextPolicy): LongTextPolicy {
  if (side?.toLowerCase() === 'left')
    throw new AlbertineError('unsupported', 'truncation_direction left is not given: the beginning of a text is kept', {
      value: side,
      hint: 'Without truncate long texts are read whole',
    });
  return policyOf(truncate, usual);
}

const promptOf = ({ prompt_name: name }: Common): { prompt?: string } =>
  typeof name === 'string' ? { prompt: name } : {};

const ERROR_TYPES: Readonly<Record<number, string>> = { 429: 'Overloaded', 503: 'Unhealthy', 500: 'Backend' };

/** Its bodies, and its status for what cannot be answered. */
function teiError({ code, message, status }: Problem): ReturnType<ErrorForm> {
  const type = ERROR_TYPES[status] ?? (code === 'unauthorized' ? 'Unauthorized' : 'Validation');
  // What cannot be answered as it is asked.
  const isInvalid = status === 400 || code === 'text_too_long';
  return { body: { error: message, error_type: type }, ...(isInvalid && { status: 422 }) };
}
