import { generatedSentences, generatedTasks } from './generate.ts';
import { structureTasks } from './structure.ts';
import type { ProbeTask } from './task.ts';

/** Rows to learn from of each built-in task at most. */
const BUILT_IN_ROWS = 600;

/** Built-in tasks in English and Chinese, which need no file: the same seed makes the same rows. */
export function builtInTasks({ limit = BUILT_IN_ROWS, seed = 1 }: { limit?: number; seed?: number } = {}): ProbeTask[] {
  const rows = Math.min(limit, BUILT_IN_ROWS);
  const { tasks } = structureTasks(generatedSentences({ rows: 2 * BUILT_IN_ROWS, seed }), {
    source: 'generated',
    seed,
    limit: rows,
    // Sentences by themselves have no order.
    probes: ['length', 'wordContent', 'swap', 'swapPlace'],
  });
  return [...generatedTasks({ rows, seed }), ...tasks];
}
