import { AlbertineError, describeValue, requireDistinct, requireInteger } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { requireOptions, requireTexts, type OptionKinds } from '../../core/options.ts';
import { logSoftmaxRow } from '../../core/softmax.ts';
import { bucketWithin, planBatches } from '../../data/batches.ts';
import { padPieces } from '../../model/batch.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { countUnknown } from '../../tokenizer/tokenizer.ts';

/** Options of {@link FillMask.fill}. */
export interface FillOptions {
  /** Guesses for each mask, best first. Default 5. */
  topK?: number;
  /**
   * Only these words are judged, which may be of several pieces; each is tried in every mask. Default: all pieces of
   * the vocabulary.
   */
  candidates?: readonly string[];
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

/** Options of {@link FillMask.score}. */
export interface ScoreOptions {
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

const FILL_OPTIONS: OptionKinds<FillOptions> = { topK: 'number', candidates: 'list', batchTokens: 'number' };
const SCORE_OPTIONS: OptionKinds<ScoreOptions> = { batchTokens: 'number' };

/** What may stand in the place of a mask. */
export interface MaskGuess {
  /** As it would be written. */
  text: string;
  /** Probability: among the whole vocabulary, or among the candidates that were given. */
  score: number;
  /** The piece; absent for candidates of several. */
  token?: string;
  /** Of the candidate: the logarithms of its pieces' probabilities, each with all of them masked, added up. */
  logProbability?: number;
}

/** A mask with its guesses. */
export interface FilledMask {
  /** UTF-16 range of the mask in the text. */
  start: number;
  /** End of that range, exclusive. */
  end: number;
  /** Best first. */
  guesses: MaskGuess[];
}

/** A text's masks in their order; each is filled with the others still masked, as in Hugging Face. */
export interface FilledText {
  /** In the order of the text; empty where it has no mask. */
  masks: FilledMask[];
  /** The text with the best guess in every mask. */
  text: string;
  /** Tokens without special tokens. */
  tokenCount: number;
  /** Tokens of a text longer than the model that a mask did not see: it is judged by what the model takes around it. */
  truncatedTokens: number;
}

/** How likely a text is, token by token. */
export interface TextScore {
  /**
   * Sum of the logarithms of every token's probability with that token masked (pseudo-log-likelihood, Salazar et al.
   * 2020).
   */
  pseudoLogLikelihood: number;
  /** `exp(-pseudoLogLikelihood / tokens)`; NaN for a text without tokens. */
  pseudoPerplexity: number;
  /** Each token with its UTF-16 range in the text and the logarithm of its probability, given all others. */
  tokens: { token: string; start: number; end: number; logProbability: number }[];
}

/** A sequence with some tokens masked, and which of them are asked for. */
interface Masked {
  ids: Int32Array;
  positions: number[];
}

/** The masked-word head of a pretrained checkpoint: guesses for `[MASK]`, and how likely a text is. */
export class FillMask implements Disposable {
  /** The model that is asked. */
  readonly model: Albert;
  private readonly mask: number;

  private constructor(model: Albert) {
    const { mask } = model.tokenizer.special;
    if (!model.loaded.heads.includes('maskedLm'))
      throw new AlbertineError('weights_mismatch', `${model.checkpoint.location} has no head for masked words`, {
        value: model.loaded.heads,
        hint: 'Use a pretrained checkpoint; fine-tuned ones and sentence-embedding models have lost it',
      });
    if (mask === undefined)
      throw new AlbertineError('weights_mismatch', `the vocabulary of ${model.checkpoint.location} has no [MASK]`, {
        value: model.checkpoint.location,
      });
    this.model = model;
    this.mask = mask;
  }

  /**
   * Loads a pretrained model by name: in Node a folder or a hub id, in a page the URL of its folder. Default in Node:
   * the built-in model. Errors as of `open`.
   */
  static async load(model?: string | URL, options: LoadOptions = {}): Promise<FillMask> {
    return new FillMask(await loadNamed(model, options));
  }

  /** Opens a pretrained checkpoint. Throws `weights_mismatch` where it has no masked-word head. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<FillMask> {
    return new FillMask(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing this one disposes the model. */
  static from(model: Albert): FillMask {
    return new FillMask(model);
  }

  /**
   * Guesses for every `[MASK]` of the texts. Throws `invalid_argument` for a text without one, and for candidates that
   * the vocabulary does not know or that are the same to it.
   */
  async fill(texts: readonly string[], options: FillOptions = {}): Promise<FilledText[]> {
    requireTexts('fill', texts);
    requireOptions('fill', options, FILL_OPTIONS);
    const topK = requireInteger('topK', options.topK ?? 5, { min: 1 });
    const results: FilledText[] = [];
    for (const [index, text] of texts.entries()) {
      const { ids, offsets } = this.model.tokenizer.encode(text);
      const positions = Array.from(ids.keys()).filter((at) => ids[at] === this.mask);
      if (positions.length === 0)
        throw new AlbertineError(
          'invalid_argument',
          `${texts.length === 1 ? 'the text' : `text ${index}`} has no mask: ${describeValue(text)}`,
          { value: text, hint: `Write ${this.model.tokenizer.idToToken(this.mask)} where a word is wanted` },
        );
      const guesses = options.candidates
        ? await this.judge(ids, positions, { candidates: options.candidates, batchTokens: options.batchTokens })
        : (await this.logProbabilities([...positions.map((at) => this.around(ids, [at]))], options.batchTokens)).map(
            ([row]) => this.best(row, topK),
          );
      const masks = positions.map((at, i): FilledMask => ({
        start: offsets[at][0],
        end: offsets[at][1],
        guesses: guesses[i].slice(0, topK),
      }));
      results.push({
        masks,
        text: fillIn(text, masks),
        tokenCount: ids.length - 2,
        truncatedTokens: Math.max(0, ids.length - this.model.config.maxPositionEmbeddings),
      });
    }
    return results;
  }

  /** How likely texts are: one pass for every token, so a text of n tokens costs n of them. */
  async score(texts: readonly string[], options: ScoreOptions = {}): Promise<TextScore[]> {
    requireTexts('score', texts);
    requireOptions('score', options, SCORE_OPTIONS);
    const results: TextScore[] = [];
    for (const text of texts) {
      const { ids, offsets, tokens, specialTokensMask } = this.model.tokenizer.encode(text);
      const positions = Array.from(ids.keys()).filter((at) => specialTokensMask[at] === 0);
      const rows = await this.logProbabilities(
        positions.map((at) => this.around(masked(ids, [at], this.mask), [at])),
        options.batchTokens,
      );
      const found = positions.map((at, i) => ({
        token: tokens[at],
        start: offsets[at][0],
        end: offsets[at][1],
        logProbability: rows[i][0][ids[at]],
      }));
      const pseudoLogLikelihood = found.reduce((sum, { logProbability }) => sum + logProbability, 0);
      results.push({
        pseudoLogLikelihood,
        pseudoPerplexity: Math.exp(-pseudoLogLikelihood / found.length),
        tokens: found,
      });
    }
    return results;
  }

  /** Frees the model's native memory. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  /** The likeliest pieces. */
  private best(row: Float32Array, topK: number): MaskGuess[] {
    const { tokenizer } = this.model;
    const order = Array.from({ length: Math.min(row.length, tokenizer.vocabSize) }, (_, id) => id)
      .sort((a, b) => row[b] - row[a] || a - b)
      .slice(0, topK);
    return order.map((id) => ({
      text: tokenizer.decode([id], { skipSpecialTokens: false }).trim(),
      score: Math.exp(row[id]),
      token: tokenizer.idToToken(id)!,
    }));
  }

  /** Each candidate in each mask, with as many masks as it has pieces. */
  private async judge(
    ids: Int32Array,
    positions: readonly number[],
    { candidates, batchTokens }: { candidates: readonly string[]; batchTokens: number | undefined },
  ): Promise<MaskGuess[][]> {
    const { tokenizer } = this.model;
    const pieces = candidates.map((candidate) => tokenizer.encodeIds(candidate));
    const empty = candidates.find((_, i) => pieces[i].length === 0);
    const unknown = candidates.find((_, i) => countUnknown(tokenizer, pieces[i]) > 0);
    if (unknown !== undefined)
      throw new AlbertineError(
        'invalid_argument',
        `the vocabulary does not know the candidate ${JSON.stringify(unknown)}, so it cannot be judged`,
        { value: unknown, hint: 'Leave it out, or use a model whose vocabulary has it' },
      );
    if (candidates.length === 0 || empty !== undefined)
      throw new AlbertineError('invalid_argument', 'candidates must be words, of which there is at least one', {
        value: empty ?? candidates,
      });
    requireDistinct('candidates', candidates);
    const keys = pieces.map((own) => own.join(' '));
    const same = keys.findIndex((key, i) => keys.indexOf(key) !== i);
    if (same >= 0)
      throw new AlbertineError(
        'invalid_argument',
        `the candidates ${describeValue(candidates[keys.indexOf(keys[same])])} and ${describeValue(candidates[same])} are the same pieces, which can be judged once only`,
        { value: candidates[same], option: 'candidates' },
      );
    return await Promise.all(
      positions.map(async (at) => {
        const sequences = pieces.map((own): Masked => {
          const wide = Int32Array.from([
            ...ids.subarray(0, at),
            ...Array.from(own, () => this.mask),
            ...ids.subarray(at + 1),
          ]);
          return this.around(
            wide,
            Array.from(own, (_, i) => at + i),
          );
        });
        const rows = await this.logProbabilities(sequences, batchTokens);
        const totals = rows.map((own, candidate) => own.reduce((sum, row, i) => sum + row[pieces[candidate][i]], 0));
        const largest = Math.max(...totals);
        const sum = totals.reduce((total, value) => total + Math.exp(value - largest), 0);
        return candidates
          .map((text, i): MaskGuess => ({
            text,
            score: Math.exp(totals[i] - largest) / sum,
            logProbability: totals[i],
          }))
          .sort((a, b) => b.score - a.score);
      }),
    );
  }

  /** The sequence where the model takes it whole, else as much of it as it takes around the masked tokens. */
  private around(ids: Int32Array, positions: readonly number[]): Masked {
    const limit = this.model.config.maxPositionEmbeddings;
    if (ids.length <= limit) return { ids, positions: [...positions] };
    const room = limit - 2;
    const middle = Math.floor((positions[0] + positions[positions.length - 1]) / 2);
    const start = Math.min(Math.max(1, middle - Math.floor(room / 2)), ids.length - 1 - room);
    return {
      ids: Int32Array.from([ids[0], ...ids.subarray(start, start + room), ids[ids.length - 1]]),
      positions: positions.map((at) => at - start + 1),
    };
  }

  /** For each asked position the logarithms of all pieces' probabilities. */
  private async logProbabilities(sequences: readonly Masked[], batchTokens = 1024): Promise<Float32Array[][]> {
    const { encoder, config } = this.model;
    const all = new Array<Float32Array[]>(sequences.length);
    for (const rows of planBatches(
      sequences.map(({ ids }) => ids.length),
      { tokenBudget: batchTokens, bucket: bucketWithin(config.maxPositionEmbeddings) },
    )) {
      const chosen = rows.map((row) => sequences[row]);
      const batch = padPieces(chosen, config);
      const { lastHiddenState } = await encoder.forward(batch);
      const places = chosen.flatMap(({ positions }, row) => positions.map((at) => row * batch.sequenceLength + at));
      const vectors = new Float32Array(places.length * config.hiddenSize); // [positions, hidden]
      places.forEach((place, i) =>
        vectors.set(
          lastHiddenState.subarray(place * config.hiddenSize, (place + 1) * config.hiddenSize),
          i * config.hiddenSize,
        ),
      );
      const logits = await encoder.logits('maskedLm', vectors); // [positions, vocab]
      let next = 0;
      chosen.forEach(({ positions }, i) => {
        all[rows[i]] = positions.map(() =>
          logSoftmaxRow(logits.subarray(next++ * config.vocabSize, next * config.vocabSize)),
        );
      });
    }
    return all;
  }
}

function masked(ids: Int32Array, positions: readonly number[], mask: number): Int32Array {
  const copy = ids.slice();
  for (const at of positions) copy[at] = mask;
  return copy;
}

function fillIn(text: string, masks: readonly FilledMask[]): string {
  let filled = '';
  let from = 0;
  for (const { start, end, guesses } of masks) {
    filled += text.slice(from, start) + guesses[0].text;
    from = end;
  }
  return filled + text.slice(from);
}
