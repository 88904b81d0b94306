import { execFileSync, type ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Flags of a bench whose steps run in processes of their own, so that the memory of one is not that of another. */
export const STEP_FLAGS = { step: { type: 'string' }, task: { type: 'string' } } as const;

/** What a step does with its task; what it gives is handed back as JSON. */
export type Steps<Task> = Record<'build' | 'query', (task: Task) => Promise<unknown>>;

/** Whether this process was started for a step, which it has then done. */
export async function didStep<Task>(
  { step, task }: { step?: string | undefined; task?: string | undefined },
  steps: Steps<Task>,
): Promise<boolean> {
  if (step === undefined) return false;
  process.stdout.write(JSON.stringify(await steps[step as keyof Steps<Task>](JSON.parse(task!) as Task)));
  return true;
}

/** Runs a step of the bench `script` (its `import.meta.url`) in a process of its own. */
export function inProcess(script: string, step: keyof Steps<unknown>, task: object): unknown {
  const options = {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 28 },
    stdio: ['ignore', 'pipe', 'inherit'],
  } satisfies ExecFileSyncOptionsWithStringEncoding;
  const given = ['--import', 'tsx', fileURLToPath(script), '--step', step, '--task', JSON.stringify(task)];
  return JSON.parse(execFileSync(process.execPath, given, options));
}
