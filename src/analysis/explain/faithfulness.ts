import { requireInteger } from '../../core/errors.ts';
import { createRandom, mixSeed, shuffle } from '../../core/random.ts';
import { bootstrapMean, pairedTest, type MeanInterval, type PairedTest } from '../../metrics/resampling.ts';
import { averageWindows } from '../../tasks/classify/task.ts';
import { baselineId } from './integrated-gradients.ts';
import type { ExplainedInput, ExplainedModel, ExplainedPiece } from './model.ts';
import { replaced } from './occlusion.ts';
import { wordGroups, type Attribution, type TextsOfPair } from './units.ts';

/** Options of measuring. */
export interface FaithfulnessOptions {
  /** Parts in which the words are masked. Default 10. */
  parts?: number;
  /** Of the random ranking. Default 1. */
  seed?: number;
  /** Random rankings that are averaged. Default 3. */
  randomRankings?: number;
}

/** Areas under the curves of one text. */
export interface FaithfulnessOfText {
  /** Words that were ranked. */
  words: number;
  /**
   * Mean of the output (a probability; of a regression the number) while words are masked, those most in favour first.
   * Lower is more faithful.
   */
  deletion: number;
  /** The same while words appear in a text of masks, those most in favour first. Higher is more faithful. */
  insertion: number;
  /** Of random rankings. */
  randomDeletion: number;
  /** Area of insertion in a random order. */
  randomInsertion: number;
}

/** Areas over many texts, and whether they differ from those of random rankings. */
export interface FaithfulnessSummary {
  /** The texts. */
  texts: number;
  /** Area of deletion in the order of the attributions. */
  deletion: MeanInterval;
  /** Area of insertion in that order. */
  insertion: MeanInterval;
  /** Area of deletion in a random order. */
  randomDeletion: MeanInterval;
  /** Area of insertion in a random order. */
  randomInsertion: MeanInterval;
  /** Deletion less that of random rankings: below 0 where the explanation is better. */
  deletionGain: PairedTest;
  /** Insertion less that of random rankings: above 0 where the explanation is better. */
  insertionGain: PairedTest;
}

/** A word of the text, wherever its tokens are. */
interface RankedWord {
  piece: number;
  tokens: number[];
  value: number;
}

/**
 * Deletion and insertion curves (Petsiuk et al. 2018, for images; DeYoung et al. 2020 for texts): words are replaced by
 * `[MASK]` (`[PAD]` where there is none), so that the others keep their tokens and places. Areas are means over the
 * curve by the trapezoid rule, in units of the output.
 */
export async function deletionAndInsertion(
  model: ExplainedModel,
  input: ExplainedInput,
  {
    explanation,
    parts = 10,
    seed = 1,
    randomRankings = 3,
  }: FaithfulnessOptions & { explanation: { attributions: readonly Attribution[]; output: string } },
): Promise<FaithfulnessOfText> {
  requireInteger('parts', parts, { min: 1 });
  requireInteger('randomRankings', randomRankings, { min: 1 });
  const texts: TextsOfPair = typeof input === 'string' ? { text: input } : input;
  const { pieces } = model.encode(input);
  const output = model.outputs.indexOf(explanation.output);
  const words = pieces.flatMap((piece, i) =>
    wordGroups(piece, texts).map((tokens): RankedWord => ({
      piece: i,
      tokens,
      value: valueOf(tokens, piece, explanation.attributions),
    })),
  );
  const own = [...words].sort((a, b) => b.value - a.value);
  const random = createRandom(mixSeed(seed, words.length));
  const rankings = [own, ...Array.from({ length: randomRankings }, () => shuffle([...words], random))];
  const areas: { deletion: number; insertion: number }[] = [];
  for (const ranking of rankings) areas.push(await areasOf(model, { pieces, ranking, parts, output }));
  const mean = (name: 'deletion' | 'insertion'): number =>
    areas.slice(1).reduce((sum, area) => sum + area[name], 0) / randomRankings;
  return {
    words: words.length,
    ...areas[0],
    randomDeletion: mean('deletion'),
    randomInsertion: mean('insertion'),
  };
}

/** Means with 95 % bootstrap intervals over texts, and paired tests against random rankings. */
export function summariseFaithfulness(texts: readonly FaithfulnessOfText[]): FaithfulnessSummary {
  const of = (name: Exclude<keyof FaithfulnessOfText, 'words'>): number[] => texts.map((text) => text[name]);
  return {
    texts: texts.length,
    deletion: bootstrapMean(of('deletion')),
    insertion: bootstrapMean(of('insertion')),
    randomDeletion: bootstrapMean(of('randomDeletion')),
    randomInsertion: bootstrapMean(of('randomInsertion')),
    deletionGain: pairedTest(of('deletion'), of('randomDeletion')),
    insertionGain: pairedTest(of('insertion'), of('randomInsertion')),
  };
}

/** What an explanation of any unit says of a word: the sum of what lies within it. */
function valueOf(group: readonly number[], { tokens }: ExplainedPiece, attributions: readonly Attribution[]): number {
  const start = Math.min(...group.map((token) => tokens[token].start));
  const end = Math.max(...group.map((token) => tokens[token].end));
  const { side } = tokens[group[0]];
  return attributions
    .filter(
      (own) =>
        (own.side ?? 'text') === side &&
        own.start >= start &&
        own.end <= end &&
        (own.end > own.start || start === own.start),
    )
    .reduce((sum, { attribution }) => sum + attribution, 0);
}

async function areasOf(
  model: ExplainedModel,
  {
    pieces,
    ranking,
    parts,
    output,
  }: { pieces: readonly ExplainedPiece[]; ranking: readonly RankedWord[]; parts: number; output: number },
): Promise<{ deletion: number; insertion: number }> {
  const baseline = model.tokenizer.special.mask === undefined ? 'pad' : 'mask';
  const id = baselineId(model, baseline);
  const count = Math.min(parts, ranking.length);
  const cuts = Array.from({ length: count + 1 }, (_, i) => Math.round((i * ranking.length) / Math.max(1, count)));
  const masked = (words: readonly RankedWord[]): ExplainedPiece[] =>
    pieces.map((piece, i) =>
      replaced(
        piece,
        words.flatMap((word) => (word.piece === i ? word.tokens : [])),
        id,
      ),
    );
  const states = [
    ...cuts.map((cut) => masked(ranking.slice(0, cut))),
    ...cuts.map((cut) => masked(ranking.slice(cut))),
  ];
  const logits = await model.logits(states.flat());
  const curve = states.map(
    (state, i) =>
      model.answer(averageWindows(state, logits.slice(i * pieces.length, (i + 1) * pieces.length))).probabilities[
        output
      ],
  );
  return { deletion: area(curve.slice(0, cuts.length), cuts), insertion: area(curve.slice(cuts.length), cuts) };
}

/** Mean of a curve by the trapezoid rule; `places` are where its values stand. */
function area(values: readonly number[], places: readonly number[]): number {
  const width = places[places.length - 1];
  if (width === 0) return values[0];
  let sum = 0;
  for (let i = 1; i < values.length; i++) sum += (places[i] - places[i - 1]) * ((values[i] + values[i - 1]) / 2);
  return sum / width;
}
