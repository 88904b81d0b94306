import type { TextPairs } from './scorer.ts';

/** Pairs after which scores do not depend on what was computed before, so that a run can be continued there. */
export const SCORE_BLOCK = 1024;
/** Pairs that are computed at a time, and the most characters: vectors of a token take some hundred times its length. */
const [GROUP, GROUP_CHARACTERS] = [64, 64_000];

interface TextPair {
  candidate: string;
  references: readonly string[];
}

/** Pairs in groups that fit in memory however long the texts are; none has pairs of two blocks. */
export async function* groupsOf<T extends TextPair>(pairs: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T[]> {
  let [group, characters, seen]: [T[], number, number] = [[], 0, 0];
  for await (const pair of pairs) {
    const length = pair.references.reduce((sum, text) => sum + text.length, pair.candidate.length);
    // A long pair goes by itself.
    if (group.length > 0 && characters + length > GROUP_CHARACTERS) {
      yield group;
      [group, characters] = [[], 0];
    }
    group.push(pair);
    characters += length;
    seen++;
    if (group.length < GROUP && seen % SCORE_BLOCK !== 0) continue;
    yield group;
    [group, characters] = [[], 0];
  }
  if (group.length > 0) yield group;
}

/** Candidates and references of pairs, each in a list. */
export const pairsOf = (pairs: readonly TextPair[]): TextPairs => ({
  candidates: pairs.map(({ candidate }) => candidate),
  references: pairs.map(({ references }) => references),
});
