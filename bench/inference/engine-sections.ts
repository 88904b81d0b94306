import { Graph } from '../../src/graph/graph.ts';
import { linear } from '../../src/graph/operators/matmul.ts';
import { quantizedLinear } from '../../src/graph/operators/quantized.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { compile, type CompiledGraph } from '../../src/runtime/compile.ts';
import { float32, HostTensor } from '../../src/runtime/tensor.ts';
import { createRandom } from '../../src/core/random.ts';
import { Contender, median, observe } from './harness.ts';
import { ourFolder } from './paths.ts';
import type { ContenderSpec } from './protocol.ts';
import type { Table } from './report.ts';
import { contenders, type SectionOptions } from './sections.ts';

/** Rows of the matrices: the padded tokens of a full batch. */
const ROWS = 1024;

function randomValues(size: number): Float32Array {
  const random = createRandom(size);
  return Float32Array.from({ length: size }, () => random.uniform() - 0.5);
}

/** A graph of one matrix product `[rows, inputs] x [inputs, outputs]`, and what feeds it. */
async function productGraph(
  inputs: number,
  outputs: number,
  options: { int8: boolean; threads: number },
): Promise<{ graph: CompiledGraph; feeds: Record<string, HostTensor> }> {
  const graph = new Graph();
  const { threads } = options;
  if (!options.int8) {
    const x = graph.input('x', [ROWS, inputs]);
    const y = linear(
      x,
      graph.constant(randomValues(inputs * outputs), [outputs, inputs]),
      graph.constant(randomValues(outputs), [outputs]),
    );
    return {
      graph: await compile({ outputs: { y } }, { threads }),
      feeds: { x: float32([ROWS, inputs], randomValues(ROWS * inputs)) },
    };
  }
  const values = graph.input('x', [ROWS, inputs], { dtype: 'uint8' });
  const weight = {
    values: graph.constant(
      Int8Array.from(randomValues(inputs * outputs), (value) => value * 254),
      [inputs, outputs],
    ),
    scales: graph.constant(new Float32Array(outputs).fill(0.01), [outputs]),
    zeroPoints: graph.constant(new Int8Array(outputs), [outputs]),
  };
  const x = { values, scale: graph.real(0.02), zeroPoint: graph.constant(Uint8Array.of(128), []) };
  const y = quantizedLinear(x, weight, graph.constant(randomValues(outputs), [outputs]));
  const bytes = Uint8Array.from(randomValues(ROWS * inputs), (value) => (value + 0.5) * 255);
  return {
    graph: await compile({ outputs: { y } }, { threads }),
    feeds: { x: new HostTensor('uint8', [ROWS, inputs], bytes) },
  };
}

/** Operations a second (multiply and add counted apart) that single products reach, by shape; in units of 1e9. */
async function productPeak(threads: number, int8: boolean, repeats: number): Promise<Map<string, number>> {
  const { hiddenSize, intermediateSize } = presetConfig('base-v2');
  const rates = new Map<string, number>();
  for (const [inputs, outputs] of [
    [hiddenSize, hiddenSize],
    [hiddenSize, intermediateSize],
    [intermediateSize, hiddenSize],
  ]) {
    const { graph, feeds } = await productGraph(inputs, outputs, { int8, threads });
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      await graph.run(feeds);
      best = Math.min(best, performance.now() - start);
    }
    graph[Symbol.dispose]();
    rates.set(`${inputs} x ${outputs}`, (2 * ROWS * inputs * outputs) / best / 1e6);
  }
  return rates;
}

/** Operations of a forward pass: dense layers, attention products and the embedding mapping. */
function operations(rows: number, length: number): number {
  const { hiddenSize: h, intermediateSize: f, numHiddenLayers, embeddingSize } = presetConfig('base-v2');
  const perToken = numHiddenLayers * (2 * (4 * h * h + 2 * h * f) + 4 * length * h) + 2 * embeddingSize * h;
  return rows * length * perToken;
}

/** How much of the machine's own limit, measured with single matrix products, the whole network reaches. */
export async function peak(options: SectionOptions): Promise<Table[]> {
  const repeats = options.quick ? 5 : 40;
  const rounds = options.rounds ?? (options.quick ? 2 : 7);
  const shapes: [number, number][] = [
    [1, 16],
    [1, 64],
    [1, 128],
    [8, 128],
    [32, 32],
  ];
  const tables: Table[] = [];
  for (const threads of options.threads) {
    const limits = { f32: await productPeak(threads, false, repeats), int8: await productPeak(threads, true, repeats) };
    const highest = { f32: Math.max(...limits.f32.values()), int8: Math.max(...limits.int8.values()) };
    const rows: (string | number)[][] = [];
    for (const spec of contenders('base', threads)) {
      using contender = await Contender.start(spec);
      const times = shapes.map((): number[] => []);
      for (let round = 0; round < rounds; round++) {
        const { reply } = await observe(contender, { do: 'forwards', shapes });
        if (round > 0) reply.samples.forEach(({ wallMs }, i) => times[i].push(wallMs));
      }
      rows.push([
        spec.name,
        ...times.map((values, i) => {
          const rate = operations(...shapes[i]) / Math.min(...values) / 1e6;
          return `${rate.toFixed(0)} (${((100 * rate) / highest[spec.dtype]).toFixed(0)} %), median ${(operations(...shapes[i]) / median(values) / 1e6).toFixed(0)}`;
        }),
      ]);
    }
    const describe = (dtype: 'f32' | 'int8'): string =>
      [...limits[dtype]].map(([shape, rate]) => `${shape}: ${rate.toFixed(0)}`).join(', ');
    tables.push({
      title: `Share of the matrix product's speed, base, ${threads} thread${threads === 1 ? '' : 's'}`,
      note:
        `Best of ${repeats} single products of ${ROWS} rows in ONNX Runtime, in GFLOP/s: f32 ${describe('f32')}; int8 ${describe('int8')}. ` +
        `Forward passes of (rows, tokens): best GFLOP/s of ${rounds - 1} (share of the fastest product of that precision), and the median.`,
      columns: ['contender', ...shapes.map(([batch, length]) => `(${batch}, ${length})`)],
      rows,
    });
  }
  return tables;
}

/** Distinct shapes with at most `tokens` padded tokens, in random order. */
function distinctShapes(count: number, tokens: number): [number, number][] {
  const all: [number, number][] = [];
  for (let length = 1; length <= 512; length++)
    for (let rows = 1; rows * length <= tokens; rows++) all.push([rows, length]);
  const random = createRandom(3);
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  if (all.length < count) throw new Error(`only ${all.length} shapes of ${tokens} tokens`);
  return all.slice(0, count);
}

/**
 * Resident memory over thousands of different shapes: runtimes that keep a plan or a block for each one grow without
 * end.
 */
export async function soak(options: SectionOptions): Promise<Table[]> {
  const count = options.quick ? 100 : 5000;
  const steps = 10;
  const shapes = distinctShapes(count, 800);
  // The largest first, so that buffers that merely fit the largest shape are not mistaken for growth.
  shapes.sort((a, b) => b[0] * b[1] - a[0] * a[1]);
  const first = shapes.splice(0, 1);
  shapes.sort(
    ([rowsA, lengthA], [rowsB, lengthB]) => ((rowsA * 31 + lengthA * 17) % 97) - ((rowsB * 31 + lengthB * 17) % 97),
  );
  const threads = Math.max(...options.threads);
  const specs: ContenderSpec[] = [
    { name: 'albertine f32', package: 'albertine', dtype: 'f32', folder: ourFolder('soak'), threads },
    {
      name: 'transformers.js f32',
      package: 'transformers.js',
      dtype: 'f32',
      folder: 'soak',
      threads,
      batching: 'input order',
    },
  ];
  const rows: (string | number)[][] = [];
  for (const spec of specs) {
    using contender = await Contender.start(spec);
    const memory = [(await contender.ask({ do: 'forwards', shapes: first })).rss];
    for (let step = 0; step < steps; step++) {
      const part = shapes.slice(
        Math.floor((step * shapes.length) / steps),
        Math.floor(((step + 1) * shapes.length) / steps),
      );
      memory.push((await contender.ask({ do: 'forwards', shapes: part })).rss);
      process.stderr.write(`soak ${spec.name}: ${step + 1}/${steps}, ${memory.at(-1)!.toFixed(0)} MiB\n`);
    }
    rows.push([spec.name, ...memory.map((value) => value.toFixed(0)), (memory.at(-1)! - memory[1]).toFixed(0)]);
  }
  return [
    {
      title: `Memory over ${count} distinct shapes, ${threads} thread${threads === 1 ? '' : 's'}`,
      note: 'Base with one layer; every (rows, tokens) up to 800 padded tokens once, after the largest. Resident MiB after the largest shape and after every tenth of the others; growth since the first tenth.',
      columns: ['contender', 'largest', ...Array.from({ length: steps }, (_, i) => `${(i + 1) * 10} %`), 'growth'],
      rows,
    },
  ];
}
