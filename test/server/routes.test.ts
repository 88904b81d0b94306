import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlbertScorer } from '../../src/analysis/score/scorer.ts';
import type { NodeAlbert } from '../../src/loaded/load-node.ts';
import type { AlbertineServer } from '../../src/server/server.ts';
import { TASKS } from '../../src/tasks/registry.ts';
import { SERVICES } from '../../src/tasks/services.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { NANO, startTaskServer } from './models.ts';

const folder = temporaryFolder();
const LONG = 'water the flowers every day '.repeat(100);
let server: AlbertineServer;
let nano: NodeAlbert;
beforeAll(async () => void ({ server, nano } = await startTaskServer(folder)), 60_000);
afterAll(async () => {
  await server.close();
  nano[Symbol.dispose]();
  folder.remove();
});

interface Answered {
  status: number;
  headers: Record<string, unknown>;
  // Each route has its own.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}
async function post(path: string, payload: unknown): Promise<Answered> {
  const response = await server.app.inject({ method: 'POST', url: path, payload: payload as object });
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(response.body || 'null') };
}
const get = async (path: string): Promise<Answered> => {
  const { statusCode, headers, body } = await server.app.inject({ method: 'GET', url: path });
  return { status: statusCode, headers, body: body.startsWith('{') ? JSON.parse(body) : body };
};

/** What each service is asked here. */
const ASKED: Record<string, { model: string; inputs: unknown[]; options?: object; has: string }> = {
  classify: { model: 'classify', inputs: ['the cat', { text: 'a dog', pair: 'ran' }], has: 'label' },
  tag: { model: 'tag', inputs: ['the cat sat', ''], has: 'entities' },
  relate: {
    model: 'relate',
    inputs: [{ text: 'cat dog', head: { start: 0, end: 3 }, tail: { start: 4, end: 7 } }],
    has: 'label',
  },
  answer: { model: 'answer', inputs: [{ question: 'a cat', context: 'the cat sat on mat' }], has: 'answer' },
  choose: { model: 'choose', inputs: [{ question: 'the cat', choices: ['sat', 'ran fast'] }], has: 'scores' },
  rank: { model: 'rank', inputs: [{ query: 'a cat', candidates: ['dog', 'the cat'] }], has: 'ranking' },
  'fill-mask': { model: 'masked', inputs: ['the [MASK]'], has: 'masks' },
  'zero-shot': { model: 'inference', inputs: ['a cat'], options: { labels: ['cat', 'sun'] }, has: 'labels' },
};

describe('every service of the registry', () => {
  it('is asked here, and every task that answers is one', () => {
    expect(SERVICES.map(({ name }) => name).filter((name) => !Object.hasOwn(ASKED, name))).toEqual([]);
    expect(TASKS.filter(({ predict, service }) => predict && !service).map(({ name }) => name)).toEqual([]);
  });

  it.each(Object.entries(ASKED))('%s', async (task, { model, inputs, options = {}, has }) => {
    const { status, body } = await post('/v1/predict', { model, task, inputs, options });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({ model, task, fingerprint: expect.stringContaining('model=') });
    expect(body.results).toHaveLength(inputs.length);
    for (const result of body.results) {
      expect(result).toHaveProperty(has);
      expect(result).toMatchObject({ windows: expect.any(Number), truncatedTokens: 0 });
    }
    const wrong = await post('/v1/predict', { model, task, inputs: [3] });
    expect(wrong.status).toBe(400);
    expect(wrong.body.error).toMatchObject({ code: 'invalid_argument' });
    const option = await post('/v1/predict', { model, task, inputs, options: { ...options, topq: 1 } });
    expect(option.status).toBe(400);
    expect(option.body.error.message).toContain('topq');
  });

  it('is refused by a model that does not have it, with what it has', async () => {
    const { status, body } = await post('/v1/predict', { model: 'tag', task: 'answer', inputs: ['a'] });
    expect(status).toBe(400);
    expect(body.error).toEqual({
      code: 'unsupported',
      message: 'the model tag cannot be asked for answer. It can be asked for tag, and for vectors (POST /v1/embed)',
    });
    const wrong = async (task: string): Promise<object> =>
      (await post('/v1/predict', { model: 'tag', task, inputs: ['a'] })).body.error;
    const code = 'invalid_argument';
    expect(await wrong('anwser')).toEqual({ code, message: 'there is no task "anwser". Did you mean answer?' });
    expect(await wrong('vectors')).toEqual({
      code,
      message: 'there is no task "vectors". The model tag can be asked for tag, and for vectors (POST /v1/embed)',
    });
  });
});

describe('text-embeddings-inference', () => {
  it('/embed: texts, ids, length, dimensions', async () => {
    const { body } = await post('/embed', { inputs: ['a flower', 'rain'] });
    const expected = await nano.embed(['a flower', 'rain'], { normalize: true });
    expect(body.map((vector: number[]) => vector.map(Math.fround))).toEqual(
      [0, 1].map((i) => Array.from(expected.row(i))),
    );
    const raw = await post('/embed', { inputs: 'a flower', normalize: false });
    expect(Math.hypot(...raw.body[0])).toBeGreaterThan(2);
    const tokens = (await post('/tokenize', { inputs: 'a flower' })).body[0].map(({ id }: { id: number }) => id);
    expect((await post('/embed', { inputs: [tokens] })).body[0]).toEqual(body[0]);
    expect((await post('/embed', { inputs: tokens })).body[0]).toEqual(body[0]);
    expect((await post('/embed', { inputs: 'a flower', dimensions: 8 })).body[0]).toHaveLength(8);
  });

  it('long texts: read whole, cut or refused, and told', async () => {
    const whole = await post('/embed', { inputs: LONG });
    expect(whole.headers).toMatchObject({ 'x-truncated-tokens': '0', 'x-windowed-texts': '1' });
    const cut = await post('/embed', { inputs: LONG, truncate: true });
    expect(cut.headers).toMatchObject({ 'x-truncated-tokens': '246', 'x-windowed-texts': '0' });
    expect(cut.body).not.toEqual(whole.body);
    const refused = await post('/embed', { inputs: LONG, truncate: false });
    expect(refused).toMatchObject({ status: 422, body: { error_type: 'Validation' } });
    expect(refused.body.error).toContain('the text has 500 tokens, the model takes 254');
    const left = await post('/embed', { inputs: 'a', truncate: true, truncation_direction: 'Left' });
    expect(left.status).toBe(422);
  });

  it('/embed_all, /similarity, /tokenize, /decode', async () => {
    const all = await post('/embed_all', { inputs: 'a flower' });
    const [{ tokens }] = await nano.embedTokens(['a flower']);
    expect(all.body[0].map((vector: number[]) => vector.map(Math.fround))).toEqual(
      tokens.map(({ embedding }) => Array.from(embedding)),
    );
    const inputs = { source_sentence: 'a cat sat', sentences: ['a cat was sitting', 'share prices fell'] };
    const { body: cosines } = await post('/similarity', { inputs });
    expect(cosines[0]).toBeGreaterThan(cosines[1] + 0.3);
    const { body } = await post('/tokenize', { inputs: ['雨 😀 cats'], add_special_tokens: false });
    expect(body[0].map(({ text, start, stop }: Record<string, unknown>) => [text, start, stop])).toContainEqual([
      '😀',
      2,
      3,
    ]);
    const ids = body[0].map(({ id }: { id: number }) => id);
    expect((await post('/decode', { ids })).body).toEqual(['雨 😀 cats']);
    expect((await post('/decode', { ids: [[99999]] })).status).toBe(422);
  });

  it('/predict and /rerank: single, pair, batch, raw', async () => {
    const single = await post('/predict', { model: 'classify', inputs: 'the cat' });
    expect(
      single.body.map(({ score }: { score: number }) => score).reduce((a: number, b: number) => a + b),
    ).toBeCloseTo(1, 5);
    const batch = await post('/predict', { model: 'classify', inputs: [['the cat'], ['a dog', 'ran']] });
    expect(batch.body).toHaveLength(2);
    expect(batch.body[0]).toEqual(single.body);
    expect((await post('/predict', { model: 'classify', inputs: ['a dog', 'ran'] })).body).toEqual(batch.body[1]);
    const raw = await post('/predict', { model: 'classify', inputs: 'the cat', raw_scores: true });
    const softmax = raw.body.map(({ score }: { score: number }) => Math.exp(score));
    const sum = softmax.reduce((a: number, b: number) => a + b);
    softmax.forEach((value: number, i: number) => expect(value / sum).toBeCloseTo(single.body[i].score, 6));
    const texts = ['dog', 'the cat', 'sun'];
    const ranked = await post('/rerank', { model: 'rank', query: 'a cat', texts, return_text: true });
    expect(ranked.body.map(({ index, text }: { index: number; text: string }) => texts[index] === text)).toEqual([
      true,
      true,
      true,
    ]);
    const rawRanked = await post('/rerank', { model: 'rank', query: 'a cat', texts, raw_scores: true });
    rawRanked.body.forEach(({ score }: { score: number }, i: number) =>
      expect(1 / (1 + Math.exp(-score))).toBeCloseTo(ranked.body[i].score, 6),
    );
    expect((await post('/rerank', { query: 'a', texts })).status).toBe(422);
  });

  it('/info', async () => {
    expect((await get('/info')).body).toMatchObject({
      model_id: NANO,
      model_dtype: 'float32',
      model_type: { embedding: { pooling: 'mean' } },
      max_input_length: 256,
      auto_truncate: false,
    });
  });
});

describe('KServe V2', () => {
  const text = (data: string[], name = 'text'): object => ({ name, shape: [data.length], datatype: 'BYTES', data });
  it('is alive and ready, and describes its models', async () => {
    expect((await get('/v2/health/live')).body).toEqual({ live: true });
    expect((await get('/v2/health/ready')).status).toBe(200);
    expect((await get(`/v2/models/${NANO}/ready`)).body).toEqual({ name: NANO, ready: true });
    expect((await get(`/v2/models/${NANO}`)).body).toMatchObject({
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: [-1, 384] }],
    });
  });

  it('infers vectors and results', async () => {
    const { body } = await post(`/v2/models/${NANO}/infer`, { id: 'r1', inputs: [text(['a flower', 'rain'])] });
    expect(body).toMatchObject({ id: 'r1', model_name: NANO, outputs: [{ name: 'embedding', shape: [2, 384] }] });
    expect(body.outputs[0].data).toHaveLength(768);
    const pairs = await post('/v2/models/classify/versions/1/infer', {
      inputs: [text(['a', 'dog']), text(['cat', 'sun'], 'pair')],
    });
    expect(pairs.body.outputs[0]).toMatchObject({ name: 'result', datatype: 'BYTES', shape: [2] });
    expect(JSON.parse(pairs.body.outputs[0].data[0])).toHaveProperty('label');
    const question = JSON.stringify({ question: 'a cat', context: 'the cat sat' });
    const answer = await post('/v2/models/answer/infer', { inputs: [text([question], 'input')] });
    expect(JSON.parse(answer.body.outputs[0].data[0])).toHaveProperty('answer');
  });

  it('says what is wrong with tensors', async () => {
    const wrong = async (...inputs: object[]): Promise<string> =>
      (await post(`/v2/models/${NANO}/infer`, { inputs })).body.error;
    expect(await wrong(text(['a'], 'tex'))).toContain('there is no input "tex"');
    expect(await wrong({ ...text(['a']), datatype: 'FP32' })).toContain('of BYTES, got FP32');
    expect(await wrong({ ...text(['a']), shape: [2] })).toContain('1 elements, its shape 2');
    expect((await post('/v2/models/nothing/infer', { inputs: [text(['a'])] })).status).toBe(404);
  });
});

describe('our own', () => {
  it('vectors of layers and of tokens', async () => {
    const { body } = await post('/v1/embed', { texts: ['a flower', LONG], options: { layers: [3], normalize: true } });
    const expected = await nano.embed(['a flower', LONG], { layers: [3], normalize: true });
    expect(body.results[1].vector.map(Math.fround)).toEqual(Array.from(expected.row(1)));
    expect(body.results[1]).toMatchObject({ tokenCount: 500, windows: 2, truncatedTokens: 0 });
    expect(body.fingerprint).toBe(expected.fingerprint);
    const tokens = await post('/v1/embed', { texts: ['a flower'], tokens: true });
    expect(tokens.body.results[0].tokens.at(-2)).toMatchObject({ token: '▁flower', start: 2, end: 8 });
    expect((await post('/v1/embed', { texts: ['a'], options: { layer: [3] } })).status).toBe(400);
    for (const [name, value] of Object.entries({ dimensions: 32, pooling: 'cls', prompt: 'x' })) {
      const asked = { texts: ['a'], tokens: true, options: { [name]: value } };
      const { status, body: wrong } = await post('/v1/embed', asked);
      expect([status, wrong.error.code]).toEqual([400, 'invalid_argument']);
      expect(wrong.error.message).toMatch(
        new RegExp(
          `^body/options/${name} .*, and body/tokens asks for a vector of every token. Leave one of them out$`,
        ),
      );
    }
  });

  it('scores, keywords, explanations', async () => {
    const pair = { candidates: ['the cat sat'], references: ['a cat was sitting'] };
    const score = await post('/v1/score', { ...pair, align: true });
    const [{ f1 }] = (await AlbertScorer.from(nano).score(pair)).scores;
    expect(score.body.results[0].f1).toBeCloseTo(f1, 6);
    expect(score.body.alignment.similarities).toHaveLength(score.body.alignment.candidate.length);
    const keywords = await post('/v1/keywords', { texts: ['Solar cells turn light into power.'], topK: 2 });
    expect(keywords.body.results[0].keywords[0]).toMatchObject({ text: 'Solar cells', offsets: [[0, 11]] });
    const explained = await post('/v1/explain', { model: 'classify', text: 'the cat sat', method: 'occlusion' });
    expect(explained.body).toMatchObject({ method: 'occlusion', unit: 'word' });
    expect(explained.body.attributions).toHaveLength(3);
  });

  it('tells what there is, and how it is asked', async () => {
    const about = (await get('/v1/about')).body;
    expect(about.models[0]).toMatchObject({ name: NANO, services: ['fill-mask'], dimensions: 384 });
    const { paths } = (await get('/openapi.json')).body;
    const documented = Object.keys(paths);
    for (const path of ['/v1/embeddings', '/embed', '/v2/models/{model}/infer', '/models/{model}', '/v1/predict'])
      expect(documented).toContain(path);
    expect(Object.keys(paths['/v1/predict'].post['x-tasks'])).toEqual(SERVICES.map(({ name }) => name));
    expect((await get('/docs/')).status).toBe(200);
  });
});

it('figures for Prometheus have no texts in them', async () => {
  await post('/embed', { inputs: 'a secret flower' });
  const { body, headers } = await get('/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(body).toMatch(
    /albertine_request_seconds_count\{route="\/embed",model="albertine-nano-en-zh",status="200"\} \d/,
  );
  expect(body).toMatch(/albertine_tokens_total\{model="albertine-nano-en-zh",kind="padding"\}/);
  expect(body).not.toContain('secret');
});

it('errors say what is wrong in one line, in the form of each family, and nothing of the inside', async () => {
  const items = 'a list with at least one text, whole number or list';
  expect((await post('/v1/embeddings', { input: [] })).body.error.message).toBe(
    `body/input must be a text or ${items}, got []`,
  );
  expect((await post('/v1/predict', { inputs: [] })).body.error.message).toBe(
    'body/inputs must be a list with at least one item, got []',
  );
  expect((await post('/v1/keywords', { texts: ['a'], ngrams: [1] })).body.error.message).toBe(
    'body/ngrams must be a list of at least 2, got [1]',
  );
  expect((await get('/nothing')).body).toEqual({ error: { code: 'not_found', message: 'there is no GET /nothing' } });
  const { statusCode, body } = await server.app.inject({
    ...{ method: 'POST', url: '/embed', payload: '{"inputs":', headers: { 'content-type': 'application/json' } },
  });
  expect(statusCode).toBe(422);
  const broken = await server.app.inject({
    ...{ method: 'POST', url: '/v1/embeddings', payload: Buffer.from('7b22696e707574223a22ff227d', 'hex') },
    headers: { 'content-type': 'application/json' },
  });
  expect([broken.statusCode, broken.body]).toEqual([400, expect.stringContaining('the body is not UTF-8')]);
  expect(body).not.toMatch(/node_modules|at \w+ \(/);
});
