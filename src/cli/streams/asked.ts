import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pick } from '../../core/pick.ts';
import type { AskedManual } from '../../tasks/manual.ts';
import { FOLDERS, taskOf } from '../../tasks/registry.ts';
import type { AskedModel } from '../../tasks/verbs.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModel, type OpenFlags } from './models.ts';

/** Opens whatever a verb may ask: a checkpoint by its task, or a folder of another kind. */
export async function openAsked(
  io: CliIo,
  model: string,
  options: OpenFlags,
): Promise<AskedModel & { task: AskedManual }> {
  const folder = FOLDERS.find(({ marker }) => existsSync(join(model, marker)));
  if (folder) {
    const opened = await (await folder.open())(model, pick(options, ['threads', 'device']));
    for (const note of opened.notes) io.stderr.write(`note: ${note}\n`);
    return { ...opened, task: folder };
  }
  const opened = await openModel(io, model, options);
  const task = taskOf(opened);
  const verbs = await task.load();
  return {
    task,
    notes: opened.notes,
    evaluate: (path, given) => verbs.evaluate(opened, path, given),
    get predictor() {
      return verbs.predictor?.(opened);
    },
    ...(verbs.rewritable && { rewritable: (path, given) => verbs.rewritable!(opened, path, given) }),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}
