import { UNKNOWN_PENALTY, type UnigramLattice } from './expectation.ts';
import { countAlive, lowestLogProbability, type PieceSet, selectPieces } from './pieces.ts';

/**
 * Keeps the `size` pieces whose removal would lower the corpus likelihood most (Kudo 2018, section 3.2). The loss of a
 * piece is estimated by replacing each of its uses in the best segmentations by its best spelling with other pieces.
 * Pieces that no best segmentation uses go first; pieces without another spelling always stay.
 */
export function prunePieces(pieces: PieceSet, lattice: UnigramLattice, size: number): PieceSet {
  const { counts } = lattice.bestSegmentations();
  const total = counts.reduce((sum, count) => sum + count, 0);
  const unknown = lowestLogProbability(pieces) - UNKNOWN_PENALTY;
  const losses = new Float64Array(counts.length);
  const candidates: number[] = [];
  const kept: number[] = [];
  for (let index = 0; index < counts.length; index++) {
    if (counts[index] === 0 || pieces.logProbabilities[index] === -Infinity) continue;
    const alternative = lattice.alternative(index);
    if (!alternative) kept.push(index);
    else if (alternative.logProbability <= pieces.logProbabilities[index]) {
      losses[index] = removalLoss(index, alternative.pieces, { counts, total, unknown });
      candidates.push(index);
    }
  }
  candidates.sort((a, b) => losses[b] - losses[a] || a - b);
  for (const index of candidates) {
    if (kept.length >= size) break;
    kept.push(index);
  }
  return selectPieces(pieces, kept);
}

/** Size after one pruning round: `shrinkingFactor` of the living pieces, but not below `desired`. */
export function prunedSize(pieces: PieceSet, shrinkingFactor: number, desired: number): number {
  return Math.max(desired, Math.floor(shrinkingFactor * countAlive(pieces)));
}

/**
 * Drop of the log-likelihood when every use of the piece turns into `alternative`, all other best segmentations
 * unchanged.
 */
function removalLoss(
  index: number,
  alternative: readonly number[],
  use: { counts: Float64Array; total: number; unknown: number },
): number {
  const { counts, total, unknown } = use;
  const logTotalAfter = Math.log(total + counts[index] * (alternative.length - 1));
  let after = 0;
  for (const other of alternative)
    after += other < 0 ? unknown : Math.log(counts[other] + counts[index]) - logTotalAfter;
  return counts[index] * (Math.log(counts[index]) - Math.log(total) - after);
}
