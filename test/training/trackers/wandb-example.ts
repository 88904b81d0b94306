import { createWandbTracker } from '../../../src/training/trackers/wandb.ts';

/* A run in two parts with everything that a log can hold; the same bytes every time. Also the script of make_wandb_golden.py: node --import tsx wandb-example.ts FOLDER */

export const EXAMPLE_ID = 'alb3rt01';

/** Writes the example into a folder and returns the folders of its two parts. */
export async function writeWandbExample(folder: string): Promise<string[]> {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const options = { project: 'example', entity: 'team', name: 'first run', id: EXAMPLE_ID, now: () => (time += 250) };
  const first = createWandbTracker(folder, options);
  first.hyperParameters({ learningRate: 1e-4, task: 'classify', shuffle: true, train: '数据/训练.csv' });
  for (let step = 0; step < 40; step++) {
    if (step % 10 === 0) first.scalars(step, { 'evaluation/accuracy': 0.5 + step / 100 });
    first.scalars(step, { loss: 1 / (step + 1), gradNorm: step === 2 ? NaN : step === 3 ? Infinity : 1 });
  }
  first.histogram('weights/embeddings', 39, [1, 2, 3, 4]);
  // Longer than two blocks of the file.
  first.text('note', 39, `${'long '.repeat(14_000)}完`);
  await first.close('interrupted');
  const second = createWandbTracker(folder, { ...options, resume: true });
  for (let step = 35; step < 45; step++) second.scalars(step, { loss: 1 / (step + 1), gradNorm: 1 });
  await second.close();
  return [first.folder, second.folder];
}

const [, script, folder] = process.argv;
if (script?.endsWith('wandb-example.ts') && folder !== undefined)
  process.stdout.write(`${(await writeWandbExample(folder)).join('\n')}\n`);
