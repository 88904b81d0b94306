import { createOpenAI } from '@ai-sdk/openai';
import { InferenceClient } from '@huggingface/inference';
import { OpenAIEmbeddings } from '@langchain/openai';
import { embed, embedMany } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import type { AlbertineServer } from '../../src/server/server.ts';
import { AnswerReader } from '../../src/tasks/answer/reader.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { EntityTagger } from '../../src/tasks/tag/tagger.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { NANO, startTaskServer, TASK_FOLDERS } from './models.ts';

/* Clients as they are, against a running server. */

const folder = temporaryFolder();
const TEXTS = ['how do I water flowers', '怎么给花浇水', 'share prices fell'];
let server: AlbertineServer;
let nano: NodeAlbert;
let paths: Record<string, string>;
beforeAll(async () => void ({ server, nano, paths } = await startTaskServer(folder)), 60_000);
afterAll(async () => {
  await server.close();
  nano[Symbol.dispose]();
  folder.remove();
});

const vectors = async (texts: readonly string[]): Promise<number[][]> => {
  const matrix = await nano.embed(texts, { normalize: true });
  return texts.map((_, row) => Array.from(matrix.row(row)));
};
/** Equal as 32-bit numbers. */
const same = (found: ArrayLike<number>, expected: ArrayLike<number>): void =>
  expect(Array.from(found, Math.fround)).toEqual(Array.from(expected));

describe('openai (Node)', () => {
  const client = (): OpenAI => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });

  it('embeds texts, in base64 as it asks by default, and in numbers', async () => {
    const expected = await vectors(TEXTS);
    for (const encoding_format of [undefined, 'float', 'base64'] as const) {
      const { data, model, usage } = await client().embeddings.create({
        ...{ model: NANO, input: TEXTS },
        ...(encoding_format && { encoding_format }),
      });
      expect(model).toBe(NANO);
      expect(usage.prompt_tokens).toBe(14);
      const found = data.map(({ embedding }) =>
        typeof embedding === 'string'
          ? new Float32Array(Uint8Array.from(Buffer.from(embedding as string, 'base64')).buffer)
          : embedding,
      );
      found.forEach((vector, i) => same(vector, expected[i]));
    }
  });

  it('embeds one text, token ids, and fewer dimensions', async () => {
    const [expected] = await vectors([TEXTS[0]]);
    const one = await client().embeddings.create({ model: NANO, input: TEXTS[0] });
    same(one.data[0].embedding, expected);
    const ids = Array.from(nano.tokenizer.encodeIds(TEXTS[0]));
    same((await client().embeddings.create({ model: NANO, input: ids })).data[0].embedding, expected);
    const both = await client().embeddings.create({ model: NANO, input: [ids, ids.slice(0, 2)] });
    same(both.data[0].embedding, expected);
    expect(both.data).toHaveLength(2);
    const short = await client().embeddings.create({ model: NANO, input: TEXTS[0], dimensions: 16 });
    same(short.data[0].embedding, (await nano.embed([TEXTS[0]], { dimensions: 16 })).row(0));
  });

  it('lists models, and is told what is wrong in its own errors', async () => {
    const names = [];
    for await (const { id } of client().models.list()) names.push(id);
    expect(names).toEqual([NANO, ...Object.keys(TASK_FOLDERS)]);
    expect(await client().models.retrieve(NANO)).toMatchObject({ id: NANO, object: 'model' });
    await expect(client().embeddings.create({ model: 'albertine-nano-en-hz', input: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      message: expect.stringContaining(`Did you mean ${NANO}?`),
    });
    await expect(client().embeddings.create({ model: NANO, input: [[24000]] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('there is no token 24000'),
    });
  });
});

it('the AI SDK embeds', async () => {
  const provider = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
  const expected = await vectors(TEXTS);
  const { embedding } = await embed({ model: provider.embedding(NANO), value: TEXTS[0] });
  same(embedding, expected[0]);
  const { embeddings } = await embedMany({ model: provider.embedding(NANO), values: TEXTS });
  embeddings.forEach((vector, i) => same(vector, expected[i]));
});

it('LangChain.js embeds queries and documents', async () => {
  const configuration = { baseURL: `${server.url}/v1` };
  const client = new OpenAIEmbeddings({ model: NANO, apiKey: 'none', configuration });
  const expected = await vectors(TEXTS);
  same(await client.embedQuery(TEXTS[0]), expected[0]);
  (await client.embedDocuments(TEXTS)).forEach((vector, i) => same(vector, expected[i]));
});

describe('@huggingface/inference', () => {
  const client = (path: string): InferenceClient =>
    new InferenceClient('none', { endpointUrl: `${server.url}${path}` });
  const using = async <T>(name: string, work: (model: NodeAlbert) => Promise<T>): Promise<T> => {
    const model = await loadModel(paths[name]);
    return await work(model).finally(() => model[Symbol.dispose]());
  };

  it('extracts features and compares sentences', async () => {
    const features = client(`/models/${NANO}`);
    const matrix = await nano.embed(TEXTS);
    const found = (await features.featureExtraction({ inputs: TEXTS })) as number[][];
    found.forEach((vector, i) => same(vector, matrix.row(i)));
    same((await features.featureExtraction({ inputs: TEXTS[0] })) as number[], matrix.row(0));
    const [first, ...others] = await vectors(TEXTS);
    const cosines = await features.sentenceSimilarity({
      inputs: { source_sentence: TEXTS[0], sentences: TEXTS.slice(1) },
    });
    cosines.forEach((cosine, i) =>
      expect(cosine).toBeCloseTo(
        first.reduce((sum, value, k) => sum + value * others[i][k], 0),
        6,
      ),
    );
  });

  it('classifies texts', async () => {
    const found = await client('/models/classify').textClassification({ inputs: 'the cat sat' });
    const [{ labels }] = await using('classify', (model) => TextClassifier.from(model).predict(['the cat sat']));
    expect(found.map(({ label }) => label)).toEqual(labels.map(({ label }) => label));
    found.forEach(({ score }, i) => expect(score).toBeCloseTo(labels[i].score, 6));
    const best = await client('/models/classify').textClassification({
      inputs: 'the cat sat',
      parameters: { top_k: 1 },
    });
    expect(best).toHaveLength(1);
  });

  it('finds entities with their places', async () => {
    const text = 'the cat sat on mat and the dog ran fast';
    const found = await client('/models/tag').tokenClassification({ inputs: text });
    const [{ entities }] = await using('tag', (model) => EntityTagger.from(model).predict([text]));
    expect(entities.length).toBeGreaterThan(0);
    expect(found.map(({ entity_group, start, end, word }) => [entity_group, start, end, word])).toEqual(
      entities.map(({ label, start, end, text: word }) => [label, start, end, word]),
    );
  });

  it('answers questions', async () => {
    const inputs = { question: 'a dog', context: 'the cat sat on mat and the dog ran fast' };
    const found = await client('/models/answer').questionAnswering({ inputs });
    const [expected] = await using('answer', (model) => AnswerReader.from(model).predict([inputs]));
    expect(found).toMatchObject({ answer: expected.answer, start: expected.start, end: expected.end });
  });

  it('fills masks, and knows labels that are named in the question', async () => {
    const guesses = await client('/models/masked').fillMask({ inputs: 'the [MASK] sat' });
    expect(guesses).toHaveLength(5);
    expect(guesses[0].sequence).toBe(`the ${guesses[0].token_str} sat`);
    const labels = await client('/models/inference').zeroShotClassification({
      inputs: 'the cat sat',
      parameters: { candidate_labels: ['cat', 'tree'] },
    });
    const [first] = labels as unknown as { label: string; score: number }[];
    expect(first.score).toBeGreaterThan(0.5);
    expect(['cat', 'tree']).toContain(first.label);
  });
});
