import { defineConfig } from 'vitest/config';

// Some tests load onnxruntime-node without our `loadOrt`, which turns its telemetry off.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // ONNX Runtime's native objects are happier in processes than in worker threads.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
