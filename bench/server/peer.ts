/**
 * The server that people write around transformers.js today: one route that calls the pipeline. Run by `bench.ts`:
 * `tsx bench/server/peer.ts ROOT FOLDER fp32|q8 THREADS`; prints its address.
 */
import fastify from 'fastify';

const [root, folder, dtype, threads] = process.argv.slice(2);
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
const { pipeline, env } = await import('@huggingface/transformers');
Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: root });
const extractor = await pipeline('feature-extraction', folder, {
  dtype: dtype as 'fp32' | 'q8',
  device: 'cpu',
  session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});
const app = fastify();
app.post('/embed', async (request) => {
  const { inputs } = request.body as { inputs: string };
  const output = await extractor(inputs, { pooling: 'mean', normalize: true });
  return output.tolist() as number[][];
});
console.log(await app.listen({ port: 0 }));
