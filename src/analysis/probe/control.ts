import { createRandom, mixSeed, shuffle } from '../../core/random.ts';
import { PROBE_PARTS, targetsOf, type ProbePart, type ProbeRow, type ProbeTask } from './task.ts';

/**
 * The control task (Hewitt and Liang 2019): labels that have nothing to do with meaning, as often as the task's own.
 * Every word type has one drawn label, whatever its sentence; of classification every text has one, so that nothing can
 * be known of texts that were not learned. Of `similarity` the scores are dealt out anew within each part.
 */
export function controlTask(task: ProbeTask, seed: number): ProbeTask {
  const drawn = task.kind === 'similarity' ? dealtScores(task, seed) : drawnLabels(task, seed);
  const parts = Object.fromEntries(PROBE_PARTS.map((part) => [part, drawn(task.parts[part], part)]));
  return { ...task, parts: parts as unknown as ProbeTask['parts'] };
}

type Draw = (rows: readonly ProbeRow[], part: ProbePart) => ProbeRow[];

function drawnLabels({ parts }: ProbeTask, seed: number): Draw {
  const known = targetsOf(parts.train);
  const labelOf = (type: string): number =>
    known[createRandom(mixSeed(seed, ...new TextEncoder().encode(type))).integer(known.length)];
  return (rows) =>
    rows.map((row) => ({
      ...row,
      target: row.words ? row.words.map(([start, end]) => labelOf(row.text.slice(start, end))) : labelOf(row.text),
    }));
}

function dealtScores(_: ProbeTask, seed: number): Draw {
  return (rows, part) => {
    const scores = shuffle(
      rows.map(({ target }) => target),
      createRandom(mixSeed(seed, PROBE_PARTS.indexOf(part))),
    );
    return rows.map((row, i) => ({ ...row, target: scores[i] }));
  };
}
