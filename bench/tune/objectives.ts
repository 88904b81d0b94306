import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space, TrialValues } from '../../src/study/space.ts';

/** Something to minimise, with its least value where that is known. */
export interface Objective {
  name: string;
  space: Space;
  loss(values: TrialValues): number;
}

const float = (low: number, high: number): Space[string] => ({ kind: 'float', low, high });
const log = (low: number, high: number): Space[string] => ({ kind: 'float', low, high, log: true });

const branin: Objective = {
  name: 'Branin (2 floats)',
  space: { x: float(-5, 10), y: float(0, 15) },
  loss({ x, y }) {
    const [a, b] = [Number(x), Number(y)];
    const valley = b - (5.1 / (4 * Math.PI ** 2)) * a * a + (5 / Math.PI) * a - 6;
    return valley ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(a) + 10 - 0.397887;
  },
};

const A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const P = [
  [1312, 1696, 5569, 124, 8283, 5886],
  [2329, 4135, 8307, 3736, 1004, 9991],
  [2348, 1451, 3522, 2883, 3047, 6650],
  [4047, 8828, 8732, 5743, 1091, 381],
];
const ALPHA = [1, 1.2, 3, 3.2];

const hartmann: Objective = {
  name: 'Hartmann (6 floats)',
  space: Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`x${i}`, float(0, 1)])),
  loss(values) {
    const sum = ALPHA.reduce((total, alpha, row) => {
      const inner = A[row].reduce((s, a, i) => s + a * (Number(values[`x${i}`]) - P[row][i] / 10000) ** 2, 0);
      return total + alpha * Math.exp(-inner);
    }, 0);
    return 3.32237 - sum;
  },
};

/** Rates on a logarithmic scale, a whole number, and two optimisers, one of which has a constant of its own. */
const conditional: Objective = {
  name: 'conditional (log rate, size, choice, momentum of sgd)',
  space: {
    optimizer: { kind: 'choice', choices: ['adamw', 'sgd'] },
    rate: log(1e-6, 1),
    size: { kind: 'int', low: 4, high: 128, log: true },
    momentum: { ...float(0, 0.99), when: { optimizer: ['sgd'] } } as Space[string],
  },
  loss({ optimizer, rate, size, momentum }) {
    const isSgd = optimizer === 'sgd';
    const best = isSgd ? -1.5 - 1.5 * Number(momentum) : -3.5;
    const width = Math.log2(Number(size) / 24) ** 2 / 8;
    return (Math.log10(Number(rate)) - best) ** 2 / 4 + width + (isSgd ? 2 * (Number(momentum) - 0.8) ** 2 : 0.15);
  },
};

/** Logistic regression on words of SST-2, as `tabulate.ts` measured it; between the places of the grid the nearest counts. */
function tabulated(): Objective {
  const { rows } = JSON.parse(readFileSync(join(import.meta.dirname, 'objective.json'), 'utf8')) as {
    rows: [number, number, string, number, boolean, number][];
  };
  const strengths = [...new Set(rows.map(([c]) => c))];
  const losses = new Map(rows.map((row) => [row.slice(0, -1).join(), row[5]]));
  const near = (value: number): number =>
    strengths.reduce((a, b) => (Math.abs(Math.log(b / value)) < Math.abs(Math.log(a / value)) ? b : a));
  return {
    name: 'logistic regression on words of SST-2 (log strength, 4 choices)',
    space: {
      strength: log(strengths[0], strengths.at(-1)!),
      words: { kind: 'choice', choices: [1, 2, 3] },
      characters: { kind: 'choice', choices: ['none', '2-3', '2-4', '3-5'] },
      minDocuments: { kind: 'choice', choices: [1, 2, 3, 5, 8] },
      sublinear: { kind: 'choice', choices: [false, true] },
    },
    loss: ({ strength, words, characters, minDocuments, sublinear }) =>
      losses.get([near(Number(strength)), words, characters, minDocuments, sublinear].join())!,
  };
}

export const objectives = (): Objective[] => [branin, hartmann, conditional, tabulated()];
