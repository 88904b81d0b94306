/**
 * TPE beside random search, and Optuna's TPE beside both, on four objectives over 20 seeds.
 *
 *     npx tsx bench/tune/samplers.ts [--trials 60] [--seeds 20] [--python /path/to/python]
 *
 * Each sampler suggests `--trials` settings one after the other; what counts is the least loss among them. Wins are seeds
 * in which a sampler is below random search with the same seed. With `--python`, one that has optuna, `optuna_peer.py`
 * asks Optuna's TPE for the same objectives; losses are computed here for all.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createSampler, type SamplerOptions } from '../../src/study/sampler.ts';
import type { TrialValues } from '../../src/study/space.ts';
import type { Trial } from '../../src/study/trial.ts';
import { markdown } from '../pretraining/command.ts';
import { objectives, type Objective } from './objectives.ts';

const { values: flags } = parseArgs({
  options: {
    trials: { type: 'string', default: '60' },
    seeds: { type: 'string', default: '20' },
    python: { type: 'string' },
  },
});
const [trials, seeds] = [Number(flags.trials), Number(flags.seeds)];

const OURS: Record<string, SamplerOptions> = {
  random: { sampler: 'random' },
  'TPE, each parameter by itself': { sampler: 'tpe', multivariate: false },
  'TPE, multivariate': { sampler: 'tpe' },
};

function best({ space, loss }: Objective, options: SamplerOptions): number {
  const sampler = createSampler(space, options);
  const history: Trial[] = [];
  for (let number = 0; number < trials; number++) {
    const values = sampler.suggest(number, { trials: history, directions: ['minimize'] });
    if (values === undefined) break;
    history.push({ number, values, state: 'complete', objectives: [loss(values)], evaluations: [] });
  }
  return Math.min(...history.map((trial) => trial.objectives![0]));
}

/** Optuna asks for losses line by line. */
async function optunaBest(
  python: string,
  objective: Objective,
  { seed, multivariate }: { seed: number; multivariate: boolean },
): Promise<number> {
  const child = spawn(python, [join(import.meta.dirname, 'optuna_peer.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${JSON.stringify({ space: objective.space, trials, seed, multivariate })}\n`);
  let least = Infinity;
  for await (const line of createInterface({ input: child.stdout })) {
    const loss = objective.loss(JSON.parse(line) as TrialValues);
    least = Math.min(least, loss);
    child.stdin.write(`${loss}\n`);
  }
  return least;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));

for (const objective of objectives()) {
  const every = Array.from({ length: seeds }, (_, i) => i + 1);
  const found: Record<string, number[]> = {};
  for (const [name, options] of Object.entries(OURS))
    found[name] = every.map((seed) => best(objective, { ...options, seed }));
  if (flags.python !== undefined)
    for (const multivariate of [false, true]) {
      const name = `Optuna's TPE, ${multivariate ? 'multivariate' : 'each parameter by itself'}`;
      found[name] = [];
      for (const seed of every) found[name].push(await optunaBest(flags.python, objective, { seed, multivariate }));
    }
  const rows = Object.entries(found).map(([name, losses]) => {
    const wins = losses.filter((loss, i) => loss < found['random'][i]).length;
    const ties = losses.filter((loss, i) => loss === found['random'][i]).length;
    return [
      name,
      mean(losses).toFixed(4),
      deviation(losses).toFixed(4),
      [...losses].sort((a, b) => a - b)[Math.floor(losses.length / 2)].toFixed(4),
      name === 'random' ? '' : `${wins}${ties > 0 ? ` (${ties} equal)` : ''}`,
    ];
  });
  console.log(`\n${objective.name}, ${trials} trials, ${seeds} seeds\n`);
  console.log(markdown(['sampler', 'mean of the least loss', 'deviation', 'median', 'wins over random'], rows));
}
