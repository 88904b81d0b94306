import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/operators/matmul.ts';
import { compile } from '../../src/runtime/compile.ts';
import { SessionThread } from '../../src/runtime/session-thread-node.ts';
import { float32 } from '../../src/runtime/tensor.ts';

// Ends a session thread, or the whole process, while the thread computes: `dispose` or `exit`.
const SIZE = 1500;
const x = new Graph().input('x', ['n', 'n']);
const outputs = { y: matmul(matmul(matmul(x, x), x), x) };

for (let round = 0; round < 5; round++) {
  const thread = await SessionThread.open();
  const graph = await compile({ outputs }, { sessions: thread });
  const feeds = { x: float32([SIZE, SIZE], new Float32Array(SIZE * SIZE)) };
  const runs = Array.from({ length: 3 }, () => graph.run(feeds));
  const settled = Promise.allSettled(runs);
  // One run is over, so that the thread is inside the next.
  await runs[0];
  if (process.argv[2] === 'exit') process.exit(3);
  await thread[Symbol.asyncDispose]();
  const rejected = (await settled).flatMap((run) =>
    run.status === 'rejected' ? [run.reason as { code: string }] : [],
  );
  const codes = new Set(rejected.map(({ code }) => code));
  console.log(`${3 - rejected.length} of 3 answered, ${rejected.length} rejected with ${[...codes].join()}`);
}
