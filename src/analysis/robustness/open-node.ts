import { AlbertineError } from '../../core/errors.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskedManual } from '../../tasks/manual.ts';
import { ASKED, taskOf } from '../../tasks/registry.ts';
import type { RewritableData } from '../../tasks/rewriting.ts';
import type { AskedModel, GivenOptions } from '../../tasks/verbs.ts';

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
  const asked = { task, ...(rewritable && { rewritable: rewritable.bind(undefined, model) }) };
  return await readRobustnessData(asked, path, options);
}

/** The same of a model that is open to be asked, of whatever kind of folder. */
export async function readRobustnessData(
  { task, rewritable }: Pick<AskedModel, 'rewritable'> & { task: AskedManual },
  path: string,
  options: GivenOptions,
): Promise<RewritableData> {
  if (rewritable) return await rewritable(path, options);
  const able = ASKED.filter((other) => other.rewritable).map(({ noun }) => noun);
  throw new AlbertineError('unsupported', `robustness is measured of ${able.join(', ')}; this model is ${task.noun}`, {
    value: task.name,
  });
}
