import type { TSchema } from 'typebox';
import { Type } from '../typebox.ts';
import type { KeywordOptions } from '../../analysis/keywords/extractor.ts';
import type { ExplainOptions } from '../../analysis/explain/explainer.ts';
import type { ScorerOptions } from '../../analysis/score/scorer.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { rounded } from '../../core/decimal.ts';
import type { EmbedOptions } from '../../loaded/embed-plan.ts';
import { SERVICES } from '../../tasks/services.ts';
import type { App } from '../app-type.ts';
import { ask, inSlices, tellLongTexts, textsIn, type ServerParts } from '../asking.ts';
import { embedInputs, plain } from '../embedding.ts';

const Texts = Type.Array(Type.String(), { minItems: 1 });
const Model = Type.Optional(Type.String({ description: 'default: the first one' }));
const oneOf = (...values: string[]): TSchema => Type.Optional(Type.Union(values.map((value) => Type.Literal(value))));
const LongText = oneOf('window', 'truncate', 'error');
const Count = Type.Optional(Type.Integer({ minimum: 1 }));
const strict = { additionalProperties: false };

/** What clients of other APIs cannot ask: every task by its own name, layers and windows, scores, keywords, explanations. */
export function ownRoutes(app: App, parts: ServerParts): void {
  const { pool } = parts;
  const about = async (name: string): Promise<object> => {
    // With a limit of memory looking must not drive out what is used.
    if (parts.settings.modelMemory !== undefined && !pool.isLoaded(name)) return { name, loaded: false };
    const described = pool.use(name, async ({ task, services, bytes, loadedAt, checkpoint }) => ({
      ...{ name, loaded: true, task, services, bytes, loadedAt },
      ...(checkpoint && {
        fingerprint: checkpoint.fingerprint,
        dimensions: checkpoint.config.hiddenSize,
        maxLength: checkpoint.maxLength,
        notes: checkpoint.notes,
      }),
    }));
    // One that cannot be opened does not hide the others; the log says why.
    return await described.catch((error: unknown) => {
      app.log.error({ model: name, err: error }, 'not opened');
      return { name, loaded: false, error: 'it cannot be opened; the log says why' };
    });
  };
  app.get(
    '/v1/about',
    { schema: { tags: ['albertine'], summary: 'The models and what each can be asked; opens those that are not' } },
    async () => ({ version: parts.version, models: await Promise.all(pool.names.map(about)) }),
  );
  predictRoute(app, parts);
  embedRoute(app, parts);
  scoreRoute(app, parts);
  keywordsRoute(app, parts);
  explainRoute(app, parts);
}

function predictRoute(app: App, parts: ServerParts): void {
  const body = Type.Object(
    {
      model: Model,
      task: Type.Optional(Type.String({ description: 'default: what the model was made for' })),
      inputs: Type.Array(Type.Unknown(), { minItems: 1, description: 'as the task takes them: see x-tasks' }),
      options: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'of the task: see x-tasks' })),
    },
    strict,
  );
  // For people and their tools: the task itself says what is wrong with an input.
  const tasks = Object.fromEntries(SERVICES.map(({ name, input, options }) => [name, { input, options }]));
  const summary = 'Asks a model for its task, or another that it can do';
  app.post(
    '/v1/predict',
    { schema: { tags: ['albertine'], summary, body, 'x-tasks': tasks } as { body: typeof body } },
    async (request, reply) => {
      const { model, task, inputs: asked, options: given = {} } = request.body;
      return await ask(parts, { request, reply, model, texts: textsIn(asked) }, async (served) => {
        const service = await served.service(task);
        const answers = await inSlices(asked, (slice) => service.answer(slice, given));
        const long = tellLongTexts(
          parts,
          { request, reply },
          answers.map(({ counts }) => counts),
        );
        return {
          model: served.name,
          task: task ?? served.services[0],
          results: answers.map(({ record, counts: { tokenCount, windows, truncatedTokens, unknownTokens } }) => ({
            ...record,
            ...{ tokenCount, windows, truncatedTokens },
            ...(unknownTokens !== undefined && { unknownTokens }),
          })),
          long_text: long,
          ...(served.checkpoint && { fingerprint: served.checkpoint.fingerprint }),
        };
      });
    },
  );
}

function embedRoute(app: App, parts: ServerParts): void {
  const options = Type.Object(
    {
      layers: Type.Optional(Type.Array(Type.Integer())),
      layerCombination: oneOf('mean', 'concat'),
      pooling: oneOf('mean', 'cls', 'max', 'mean_sqrt', 'weighted', 'pooler'),
      normalize: Type.Optional(Type.Boolean()),
      prompt: Type.Optional(Type.String()),
      dimensions: Count,
      longText: LongText,
      maxLength: Count,
      stride: Type.Optional(Type.Integer({ minimum: 0 })),
    },
    strict,
  );
  const body = Type.Object(
    {
      model: Model,
      texts: Texts,
      options: Type.Optional(options),
      tokens: Type.Optional(
        Type.Boolean({
          description: 'a vector of every token, with its place, instead; not with pooling, dimensions and prompt',
        }),
      ),
    },
    strict,
  );
  app.post(
    '/v1/embed',
    { schema: { tags: ['albertine'], summary: 'Vectors, of any layer, with what happened to each text', body } },
    async (request, reply) => {
      const { model, texts, tokens = false, options: given = {} } = request.body;
      const how = { longText: parts.settings.longText, ...given } as EmbedOptions;
      return await ask(parts, { request, reply, model, texts }, async ({ name, network }) => {
        if (tokens) {
          requireOfTokens(given);
          const found = await inSlices(texts, (slice) => network.embedTokens(slice, how));
          tellLongTexts(parts, { request, reply }, found);
          return {
            model: name,
            results: found.map(({ tokens: own, ...counts }) => ({
              ...counts,
              tokens: own.map(({ embedding, ...token }) => ({ ...token, vector: plain(embedding) })),
            })),
            fingerprint: network.fingerprint,
          };
        }
        const { vectors, texts: told, fingerprint } = await embedInputs(network, texts, how);
        tellLongTexts(parts, { request, reply }, told);
        return {
          model: name,
          results: vectors.map((vector, i) => ({ ...told[i], vector: plain(vector) })),
          fingerprint,
        };
      });
    },
  );
}

/** What options of `/v1/embed` do that are for vectors of texts alone. */
const OF_TEXTS: Readonly<Record<string, string>> = {
  pooling: 'makes one vector of all tokens of a text',
  dimensions: 'shortens the vectors of whole texts',
  prompt: 'goes before texts that get one vector each',
};

/** Throws `invalid_argument` for options that do not go with `tokens`, in the words of the request. */
function requireOfTokens(given: object): void {
  const name = Object.keys(given).find((one) => Object.hasOwn(OF_TEXTS, one));
  if (name === undefined) return;
  const message = `body/options/${name} ${OF_TEXTS[name]}, and body/tokens asks for a vector of every token`;
  throw new AlbertineError('invalid_argument', message, { value: name, hint: 'Leave one of them out' });
}

function scoreRoute(app: App, parts: ServerParts): void {
  const score = Type.Object(
    {
      model: Model,
      candidates: Texts,
      references: Type.Array(Type.Union([Type.String(), Texts]), { minItems: 1 }),
      layer: Type.Optional(Type.Integer()),
      several: oneOf('best', 'mean'),
      align: Type.Optional(Type.Boolean({ description: 'of one pair also the cosines of its tokens' })),
    },
    strict,
  );
  app.post(
    '/v1/score',
    { schema: { tags: ['albertine'], summary: 'ALBERTScore of texts beside references', body: score } },
    async (request, reply) => {
      const { model, candidates, references, several, align = false, ...given } = request.body;
      const texts = textsIn([candidates, references]);
      return await ask(parts, { request, reply, model, texts }, async ({ name, network }) => {
        const { AlbertScorer } = await import('../../analysis/score/scorer.ts');
        const scorer = AlbertScorer.from(network, pick(given as ScorerOptions, ['layer']));
        const options = { ...(several !== undefined && { several: several as 'best' | 'mean' }) };
        const { scores, windowedTexts } = await scorer.score({ candidates, references }, options);
        void reply.header('x-windowed-texts', windowedTexts);
        const first = typeof references[0] === 'string' ? references[0] : references[0][0];
        return {
          model: name,
          results: scores.map(({ precision, recall, f1 }) => ({
            precision: rounded(precision),
            recall: rounded(recall),
            f1: rounded(f1),
          })),
          ...(align && { alignment: await scorer.align(candidates[0], first) }),
          windowedTexts,
          fingerprint: scorer.fingerprint,
        };
      });
    },
  );
}

function keywordsRoute(app: App, parts: ServerParts): void {
  const keywords = Type.Object(
    {
      model: Model,
      texts: Texts,
      topK: Count,
      ngrams: Type.Optional(Type.Tuple([Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })])),
      candidates: Type.Optional(Texts),
      stopWords: Type.Optional(Type.Array(Type.String())),
      moreStopWords: Type.Optional(Type.Array(Type.String())),
      vectors: oneOf('isolated', 'contextual', 'both'),
      ranking: oneOf('combined', 'similarity'),
      method: oneOf('none', 'mmr', 'max-sum'),
      diversity: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
      seedWords: Type.Optional(Type.Array(Type.String())),
    },
    strict,
  );
  app.post(
    '/v1/keywords',
    { schema: { tags: ['albertine'], summary: 'What documents are about, in their own words', body: keywords } },
    async (request, reply) => {
      const { model, texts, ...options } = request.body;
      return await ask(parts, { request, reply, model, texts }, async ({ name, network }) => {
        const { KeywordExtractor } = await import('../../analysis/keywords/extractor.ts');
        const extractor = KeywordExtractor.from(network, options as KeywordOptions);
        const found = await inSlices(texts, (slice) => extractor.extract(slice));
        void reply.header('x-windowed-texts', found.filter(({ windows }) => windows > 1).length);
        return {
          model: name,
          results: found.map(({ keywords: own, windows }) => ({
            keywords: own.map(({ text, score: value, offsets }) => ({ text, score: rounded(value), offsets })),
            windows,
          })),
          fingerprint: extractor.fingerprint,
        };
      });
    },
  );
}

function explainRoute(app: App, parts: ServerParts): void {
  const explain = Type.Object(
    {
      model: Model,
      text: Type.String(),
      pair: Type.Optional(Type.String()),
      method: oneOf('integrated-gradients', 'gradient-x-input', 'attention-rollout', 'occlusion'),
      label: Type.Optional(Type.String()),
      unit: oneOf('word', 'token'),
      baseline: oneOf('mask', 'pad', 'zero'),
      steps: Count,
      spans: Type.Optional(Type.Array(Type.Tuple([Type.Integer(), Type.Integer()]))),
    },
    strict,
  );
  app.post(
    '/v1/explain',
    { schema: { tags: ['albertine'], summary: 'Why a classifier answers as it does', body: explain } },
    async (request, reply) => {
      const { model, text, pair, ...options } = request.body;
      const texts = pair === undefined ? [text] : [text, pair];
      return await ask(parts, { request, reply, model, texts }, async ({ name, network }) => {
        const [{ TextExplainer }, { TextClassifier }] = await Promise.all([
          import('../../analysis/explain/explainer.ts'),
          import('../../tasks/classify/classifier.ts'),
        ]);
        const explainer = TextExplainer.from(TextClassifier.from(network));
        const input = pair === undefined ? text : { text, pair };
        const { counts, ...explanation } = await explainer.explain(input, options as ExplainOptions);
        tellLongTexts(parts, { request, reply }, [counts]);
        return { model: name, ...explanation, ...counts, fingerprint: network.fingerprint };
      });
    },
  );
}
