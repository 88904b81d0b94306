import { AlbertineError } from '../../core/errors.ts';
import type { Albert } from '../../loaded/albert.ts';
import { taskOf, TASKS } from '../../tasks/registry.ts';
import type { RewritableData } from '../../tasks/rewriting.ts';
import type { GivenOptions } from '../../tasks/verbs.ts';

/**
 * Reads labelled rows for a fine-tuned model, as `evaluate` does and with its options. Throws `unsupported` for models
 * of tasks whose texts cannot be rewritten, and what reading throws.
 */
export async function openRobustnessData(
  model: Albert,
  path: string,
  options: GivenOptions = {},
): Promise<RewritableData> {
  const task = taskOf(model);
  const { rewritable } = await task.load();
  if (rewritable) return await rewritable(model, path, options);
  const able = TASKS.filter((other) => other.rewritable).map(({ noun }) => noun);
  throw new AlbertineError('unsupported', `robustness is measured of ${able.join(', ')}; this model is ${task.noun}`, {
    value: task.name,
  });
}
