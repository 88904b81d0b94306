import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { Albert } from '../../src/loaded/albert.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { quantizeModel } from '../../src/loaded/quantize-model.ts';
import type { EncoderBatch } from '../../src/model/batch.ts';
import type { ForwardResult } from '../../src/model/encoder.ts';
import { ForwardQueue, type ForwardQueueOptions, type PassReport } from '../../src/server/forward-queue.ts';
import { inRequest, type RequestContext } from '../../src/server/request-context.ts';
import { smallModelFiles } from '../tasks/model.ts';

/** Passes that note what they are given and last until they are told to end. */
function fakeNetwork(options: ForwardQueueOptions = {}) {
  const passes: EncoderBatch[] = [];
  const reports: PassReport[] = [];
  const queue = new ForwardQueue({ ...options, onPass: (report) => reports.push(report) });
  let held: Promise<void> | undefined;
  const forward = queue.lane('m').wrapForward(async (batch): Promise<ForwardResult> => {
    passes.push(batch);
    await held;
    const states = Float32Array.from(batch.inputIds);
    return { lastHiddenState: states, hiddenStates: new Map([[1, states]]), attentions: [] };
  });
  /** Holds passes until the result is called. */
  const hold = (): (() => void) => {
    let release!: () => void;
    held = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { queue, forward, passes, reports, hold };
}

const batch = (id: number, { rows = 1, length = 4 } = {}): EncoderBatch => ({
  batchSize: rows,
  sequenceLength: length,
  inputIds: new Int32Array(rows * length).fill(id),
  attentionMask: new Uint8Array(rows * length).fill(1),
});

const context = (client: string, signal = new AbortController().signal): RequestContext => ({
  ...{ client, signal, queueMs: 0, inferenceMs: 0 },
});

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('what shares a pass', () => {
  it('is of like length, up to the budget, and every part gets its own rows', async () => {
    const { forward, passes, reports } = fakeNetwork({ batchTokens: 16 });
    const found = await Promise.all([
      ...[1, 2, 3].map((id) => forward(batch(id), {})),
      forward(batch(4, { rows: 2 }), {}),
      forward(batch(5, { length: 8 }), {}),
    ]);
    expect(passes.map(({ batchSize, sequenceLength }) => [batchSize, sequenceLength])).toEqual([
      [3, 4],
      [2, 4],
      [1, 8],
    ]);
    expect(found.map(({ lastHiddenState }) => Array.from(lastHiddenState))).toEqual([
      ...[1, 2, 3].map((id) => new Array(4).fill(id)),
      new Array(8).fill(4),
      new Array(8).fill(5),
    ]);
    expect(reports[0]).toMatchObject({ model: 'm', rows: 3, parts: 3, tokens: 12, padding: 0 });
  });

  it('is padded where that costs less than another pass, and parts do not see it', async () => {
    const { forward, passes, reports } = fakeNetwork();
    const lengths = [4, 7, 6, 30, 5];
    const found = await Promise.all(
      lengths.map((length, id) => forward(batch(id + 1, { length, rows: id === 4 ? 2 : 1 }), { layers: [1] })),
    );
    // 5, 5, 6 and 7 beside 4: three more rows of up to 3 padded tokens; 30 is too far.
    expect(passes.map(({ batchSize, sequenceLength }) => [batchSize, sequenceLength])).toEqual([
      [5, 7],
      [1, 30],
    ]);
    expect(reports[0]).toMatchObject({ rows: 5, parts: 4, tokens: 35, padding: 8 });
    for (const [id, { lastHiddenState, hiddenStates }] of found.entries()) {
      const expected = new Array(lengths[id] * (id === 4 ? 2 : 1)).fill(id + 1);
      expect([...lastHiddenState]).toEqual(expected);
      expect([...hiddenStates.get(1)!]).toEqual(expected);
    }
  });

  it('has one length where attention is asked for', async () => {
    const { forward, passes } = fakeNetwork();
    const request = { attentions: true };
    await Promise.all([4, 5, 4].map((length) => forward(batch(1, { length }), request)));
    expect(passes.map(({ batchSize, sequenceLength }) => [batchSize, sequenceLength])).toEqual([
      [2, 4],
      [1, 5],
    ]);
  });

  it('has the same request, and nothing of its own', async () => {
    const { forward, passes } = fakeNetwork();
    await Promise.all([
      forward(batch(1), {}),
      forward(batch(2), { layers: [0, 1] }),
      forward(batch(3), { layers: [1, 0] }),
      forward({ ...batch(4), causalFrom: [0] }, {}),
      forward({ ...batch(5), causalFrom: [0] }, {}),
    ]);
    expect(passes).toHaveLength(5);
  });

  it('is not joined where rows depend on their neighbours', async () => {
    const queue = new ForwardQueue();
    const lane = queue.lane('dynamic');
    lane.joins = false;
    let passes = 0;
    const forward = lane.wrapForward(async ({ inputIds }) => {
      passes++;
      return { lastHiddenState: Float32Array.from(inputIds), hiddenStates: new Map(), attentions: [] };
    });
    await Promise.all([forward(batch(1), {}), forward(batch(2), {})]);
    expect(passes).toBe(2);
  });

  it('a batch larger than the budget goes by itself', async () => {
    const { forward, passes } = fakeNetwork({ batchTokens: 8 });
    await Promise.all([forward(batch(1, { rows: 5 }), {}), forward(batch(2), {})]);
    expect(passes.map(({ batchSize }) => batchSize)).toEqual([5, 1]);
  });

  it('waits for more only while there is nothing to do and room is left', async () => {
    const { forward, passes } = fakeNetwork({ batchTokens: 8, waitMs: 40 });
    const first = forward(batch(1), {});
    await turn();
    expect(passes).toHaveLength(0);
    await Promise.all([first, forward(batch(2), {})]);
    expect(passes.map(({ batchSize }) => batchSize)).toEqual([2]);
  });
});

describe('turns', () => {
  it('a client with many batches does not keep another waiting', async () => {
    const { forward, passes, hold } = fakeNetwork({ batchTokens: 4 });
    const release = hold();
    const busy = Array.from({ length: 20 }, () => inRequest(context('busy'), () => forward(batch(1), {})));
    await turn();
    const other = inRequest(context('other'), () => forward(batch(2), {}));
    release();
    await Promise.all([...busy, other]);
    // The first was under way; of the others both clients had one each.
    expect(passes.findIndex(({ inputIds }) => inputIds[0] === 2)).toBeLessThanOrEqual(2);
  });

  it('what was given up while it waited costs nothing', async () => {
    const { queue, forward, passes, hold } = fakeNetwork({ batchTokens: 4 });
    const release = hold();
    const first = forward(batch(1), {});
    await turn();
    const controller = new AbortController();
    const gone = inRequest(context('gone', controller.signal), () => forward(batch(2), {}));
    expect(queue.waitingTokens).toBe(4);
    controller.abort(new Error('hung up'));
    await expect(gone).rejects.toThrow(/interrupted/);
    expect(queue.waitingTokens).toBe(0);
    release();
    await first;
    await turn();
    expect(passes).toHaveLength(1);
    await expect(inRequest(context('gone', controller.signal), () => forward(batch(3), {}))).rejects.toThrow();
  });

  it('an error of a pass is that of all who shared it, and of nobody else', async () => {
    const queue = new ForwardQueue();
    let passes = 0;
    const forward = queue.lane('m').wrapForward(async ({ inputIds }) => {
      if (passes++ === 0) throw new Error('no memory');
      return { lastHiddenState: Float32Array.from(inputIds), hiddenStates: new Map(), attentions: [] };
    });
    const results = await Promise.allSettled([1, 2].map((id) => forward(batch(id), {})));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await forward(batch(3), {})).lastHiddenState[0]).toBe(3);
  });

  it('a request learns how long it waited and was computed', async () => {
    const { forward, hold } = fakeNetwork();
    const release = hold();
    const own = context('a');
    const asked = inRequest(own, () => forward(batch(1), {}));
    await turn();
    release();
    await asked;
    expect(own.inferenceMs).toBeGreaterThan(0);
    expect(own.queueMs).toBeGreaterThanOrEqual(0);
  });
});

describe('a network behind the queue', () => {
  let alone: Albert;
  let shared: Albert;
  const reports: PassReport[] = [];
  beforeAll(async () => {
    alone = await Albert.open(memoryFiles(smallModelFiles()));
    const queue = new ForwardQueue({ onPass: (report) => reports.push(report) });
    shared = await Albert.open(memoryFiles(smallModelFiles()), { wrapForward: queue.lane('m').wrapForward });
  });
  afterAll(() => {
    alone[Symbol.dispose]();
    shared[Symbol.dispose]();
  });

  it('gives every request the very bits that it gets alone', async () => {
    const texts = ['a cat sat', 'the dog ran fast', 'the blue house', 'a tree and the red sun', '猫好', 'a dog ran .'];
    const whole = await Promise.all(
      texts.map((text, i) => inRequest(context(`${i % 3}`), () => shared.embed([text, 'the moon']))),
    );
    expect(reports.some(({ parts }) => parts > 1)).toBe(true);
    for (const [i, text] of texts.entries())
      expect(whole[i].data).toEqual((await alone.embed([text, 'the moon'])).data);
  });
});

describe('texts that share a pass with longer ones', () => {
  it.each(['f32', 'int8'])('get the bits that they have alone in %s', async (dtype) => {
    const queue = new ForwardQueue();
    const { wrapForward } = queue.lane('m');
    using plain = await loadModel(undefined, { threads: 2 });
    const int8 = dtype === 'int8' ? (await quantizeModel(plain)).int8 : undefined;
    using alone = await loadModel(undefined, { threads: 2, int8 });
    using joined = await loadModel(undefined, { threads: 2, int8, wrapForward });
    const words =
      'the quick brown fox jumps over a lazy dog and 一只猫坐在垫子上 while it rains in the afternoon'.split(' ');
    const texts = words.map((_, i) => words.slice(0, i + 1).join(' '));
    const together = await Promise.all(texts.map((text) => joined.embed([text])));
    for (const [i, text] of texts.entries()) expect(together[i].data).toEqual((await alone.embed([text])).data);
  });
});
