/**
 * One contender in a process of its own, so that thread pools, memory and CPU time do not mix. Driven by messages from
 * `harness.ts`: it loads, computes one embedding, reports, and then answers requests one at a time.
 */
import { readFileSync } from 'node:fs';
import type { ContenderSpec, Measured, Reply, Request, Started } from './protocol.ts';
import { PEER_ROOT } from './paths.ts';

/** What both packages can do. */
interface Driver {
  embed(texts: readonly string[]): Promise<{ data: Float32Array; dimensions: number }>;
  /** One forward pass without tokeniser and pooling. */
  forward(rows: number, length: number): Promise<void>;
}

async function ourDriver(spec: ContenderSpec): Promise<Driver> {
  const { loadModel } = await import('../../src/loaded/load-node.ts');
  const model = await loadModel(spec.folder, { threads: spec.threads, ...spec.options });
  return {
    embed: (texts) => model.embed(texts, { pooling: 'mean' }),
    forward: async (batchSize, sequenceLength) => {
      await model.encoder.forward({
        batchSize,
        sequenceLength,
        inputIds: new Int32Array(batchSize * sequenceLength).fill(50),
      });
    },
  };
}

type PeerTensor = { data: Float32Array; dims: number[] };

async function peerDriver(spec: ContenderSpec): Promise<Driver> {
  // It loads onnxruntime-node by itself, whose telemetry would be on.
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  const { pipeline, env, Tensor, mean_pooling } = await import('@huggingface/transformers');
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: PEER_ROOT });
  const session_options = { intraOpNumThreads: spec.threads, interOpNumThreads: 1, ...spec.options };
  const extractor = await pipeline('feature-extraction', spec.folder, {
    dtype: spec.dtype === 'int8' ? 'q8' : 'fp32',
    device: 'cpu',
    session_options,
  });
  const int64 = (values: number[], dims: number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
  const runRows = async (rows: number[][], pad: number) => {
    const length = Math.max(...rows.map((row) => row.length));
    const dims = [rows.length, length];
    const attention_mask = int64(
      rows.flatMap((row) => Array.from({ length }, (_, i) => (i < row.length ? 1 : 0))),
      dims,
    );
    const input_ids = int64(
      rows.flatMap((row) => [...row, ...new Array<number>(length - row.length).fill(pad)]),
      dims,
    );
    const output = (await extractor.model({
      input_ids,
      attention_mask,
      token_type_ids: int64(new Array<number>(rows.length * length).fill(0), dims),
    })) as { last_hidden_state: InstanceType<typeof Tensor> };
    return { hidden: output.last_hidden_state, attention_mask };
  };
  /** Pools as the pipeline does. */
  const poolRows = async (rows: number[][]): Promise<PeerTensor> => {
    const { hidden, attention_mask } = await runRows(rows, extractor.tokenizer.pad_token_id as number);
    return mean_pooling(hidden, attention_mask) as unknown as PeerTensor;
  };
  const store = (parts: { tensor: PeerTensor; indices: number[] }[], rows: number) => {
    const dimensions = parts[0].tensor.dims[1];
    const data = new Float32Array(rows * dimensions);
    for (const { tensor, indices } of parts)
      indices.forEach((index, row) =>
        data.set(tensor.data.subarray(row * dimensions, (row + 1) * dimensions), index * dimensions),
      );
    return { data, dimensions };
  };
  return {
    embed: async (texts) => {
      const parts: { tensor: PeerTensor; indices: number[] }[] = [];
      if (spec.batching === 'sorted') {
        const encoded = texts.map((text) => extractor.tokenizer.encode(text).slice(0, 512));
        for (const indices of budgetBatches(
          encoded.map((ids) => ids.length),
          1024,
        )) {
          parts.push({ tensor: await poolRows(indices.map((index) => encoded[index])), indices });
        }
      } else {
        for (let start = 0; start < texts.length; start += 32) {
          const batch = texts.slice(start, start + 32);
          parts.push({
            tensor: (await extractor(batch, { pooling: 'mean' })) as unknown as PeerTensor,
            indices: batch.map((_, i) => start + i),
          });
        }
      }
      return store(parts, texts.length);
    },
    forward: async (rows, length) => {
      await runRows(
        Array.from({ length: rows }, () => new Array<number>(length).fill(50)),
        0,
      );
    },
  };
}

/** What a careful caller does: longest first, as many rows as fit into the budget when padded to the longest. */
function budgetBatches(lengths: number[], budget: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a]);
  const batches: number[][] = [];
  let longest = 0;
  for (const index of order) {
    const last = batches.at(-1);
    if (last && (last.length + 1) * longest <= budget) last.push(index);
    else {
      batches.push([index]);
      longest = lengths[index];
    }
  }
  return batches;
}

const memory = () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const megabytes = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? NaN) / 1024;
  return { rss: megabytes('VmRSS'), peakRss: megabytes('VmHWM') };
};

async function measured(work: () => Promise<void>): Promise<Measured> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1000 };
}

async function answer(driver: Driver, request: Request): Promise<Reply> {
  switch (request.do) {
    case 'pass': {
      const samples = [await measured(async () => void (await driver.embed(request.texts)))];
      return { samples, ...memory() };
    }
    case 'singles': {
      const samples: Measured[] = [];
      for (const text of request.texts) samples.push(await measured(async () => void (await driver.embed([text]))));
      return { samples, ...memory() };
    }
    case 'vectors': {
      const { data } = await driver.embed(request.texts);
      return { samples: [], vectors: [...data], ...memory() };
    }
    case 'forwards': {
      const samples: Measured[] = [];
      for (const [rows, length] of request.shapes) samples.push(await measured(() => driver.forward(rows, length)));
      return { samples, ...memory() };
    }
  }
}

const spec = JSON.parse(process.argv[2]) as ContenderSpec;
const driver = spec.package === 'albertine' ? await ourDriver(spec) : await peerDriver(spec);
const loadedMs = performance.now();
const { data } = await driver.embed(['The first sentence of a fresh process.']);
const { user, system } = process.cpuUsage();
if (!data.every(Number.isFinite)) throw new Error(`${spec.name} gives values that are not finite`);
process.send!({
  loadedMs,
  firstEmbeddingMs: performance.now(),
  cpuMs: (user + system) / 1000,
  ...memory(),
} satisfies Started);
process.on('message', (request: Request) => {
  void answer(driver, request).then(
    (reply) => process.send!(reply),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
