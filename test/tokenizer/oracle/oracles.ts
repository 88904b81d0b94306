import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a command of SentencePiece's tools and a Python 3 are there. */
export function oraclesAvailable(): boolean {
  return spawnSync('spm_encode', ['--help']).error === undefined && existsSync('/usr/bin/python3');
}

/** Ids from one of the Python oracles beside this file. */
export function runOracle(script: string, args: string[], lines: string[]): number[][] {
  const run = spawnSync('/usr/bin/python3', [join(import.meta.dirname, script), ...args], {
    input: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    maxBuffer: 1 << 30,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`${script} failed: ${run.stderr}`);
  return run.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as number[]);
}

/** One line on which two tokenisers disagree. */
export interface Mismatch {
  corpus: string;
  line: string;
  expected: number[];
  actual: number[];
}

/** Compares ids line by line. */
export function mismatches(
  corpus: string,
  lines: string[],
  expected: number[][],
  encode: (line: string) => ArrayLike<number>,
): Mismatch[] {
  if (expected.length !== lines.length)
    throw new Error(`the oracle gave ${expected.length} results for ${lines.length} lines`);
  return lines.flatMap((line, i) => {
    const actual = Array.from(encode(line));
    return actual.length === expected[i].length && actual.every((id, k) => id === expected[i][k])
      ? []
      : [{ corpus, line, expected: expected[i], actual }];
  });
}

/**
 * The mismatches that are no ties. SentencePiece adds scores in single precision along the line, so where two
 * segmentations are equally good (`33 333` and `333 33`) what came before decides by rounding; here every word is
 * segmented alike wherever it stands.
 */
export function withoutTies(found: Mismatch[], scores: number[]): Mismatch[] {
  const sum = (ids: number[]): number => ids.reduce((total, id) => total + scores[id], 0);
  return found.filter(
    ({ expected, actual }) => Math.abs(sum(expected) - sum(actual)) > Math.max(1, Math.abs(sum(actual))) * 1e-6,
  );
}
