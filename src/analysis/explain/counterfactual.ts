import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { nearestWords, type WordCandidates } from './candidates.ts';
import type { ExplainedInput, ExplainedModel, Side } from './model.ts';
import { sideOf, wordGroups, type TextsOfPair } from './units.ts';

/** Options of a search. */
export interface CounterfactualOptions {
  /** Label that the answer is to become. Default: any other. Not for multi-label models. */
  to?: string;
  /** Words that are put in the place of others. Default: the nearest of the model's own vocabulary. */
  candidates?: WordCandidates;
  /** Candidates for each word. Default 8; 0 tries to delete words only. */
  candidatesPerWord?: number;
  /** Words that are edited at most. Default 10, and never more than half of them (but one). */
  maxEdits?: number;
  /** Words whose replacement is tried in each round: those whose deletion does most. Default 12. */
  wordsPerRound?: number;
  /** Texts that the model is asked at most. Default 2000. */
  maxQueries?: number;
}

/** One word replaced or deleted. */
export interface CounterfactualEdit {
  /** UTF-16 half-open range in the text that it is in. */
  start: number;
  /** Where it ends, exclusive. */
  end: number;
  /** What stood there. */
  from: string;
  /** What stands there now; null where it is deleted. */
  to: string | null;
  /** Of pairs: the text that it is in. */
  side?: Side;
}

/** An answer with its probability. */
export interface LabelScore {
  /** Name of the label; of a number, the number as text. */
  label: string;
  /** Its probability; of a regression the number. */
  score: number;
}

/** The smallest edit found. */
export interface Counterfactual {
  /** Whether the answer changes. */
  found: boolean;
  /** In the order of the text; without any one of them the answer does not change. Empty where none was found. */
  edits: CounterfactualEdit[];
  /** The edited text; the text itself where none was found. */
  text: string;
  /** The second text of a pair. */
  pair?: string;
  /** The answer to the clean text. */
  before: LabelScore;
  /** What is answered to the edited text. Of multi-label models: the same label, with its new probability. */
  after: LabelScore;
  /** Texts that the model was asked. */
  queries: number;
  /** Texts that it might have been asked. */
  maxQueries: number;
  /** Why a search that found nothing ended. */
  ended?: 'edits' | 'queries' | 'words';
}

interface Word {
  start: number;
  end: number;
  side: Side;
  text: string;
}

interface WordEdit {
  word: number;
  to: string | null;
}

const DEFAULTS = { candidatesPerWord: 8, maxEdits: 10, wordsPerRound: 12, maxQueries: 2000 };

/**
 * Searches the smallest edit that changes the answer: in each round every word that matters is deleted and replaced in
 * turn, and the edit that takes the margin furthest down is kept (greedy, as in TextFooler, Jin et al. 2020); at the
 * end edits without which the answer changes as well are taken back. It is an edit that works, of those tried the one
 * with fewest words by this rule; a smaller one may exist.
 */
export async function findCounterfactual(
  model: ExplainedModel,
  input: ExplainedInput,
  options: CounterfactualOptions = {},
): Promise<Counterfactual> {
  if (model.isNumber)
    throw new AlbertineError('invalid_argument', 'this model answers with a number: there is no label to change', {
      hint: 'Counterfactuals are of classifiers',
    });
  return await new Search(model, input, options).run();
}

class Search {
  private readonly model: ExplainedModel;
  private readonly texts: TextsOfPair;
  private readonly words: Word[];
  private readonly options: Required<Omit<CounterfactualOptions, 'to'>>;
  private readonly target: number | undefined;
  private queries = 0;
  private output = 0;
  private assigned = true;

  constructor(model: ExplainedModel, input: ExplainedInput, { to, ...options }: CounterfactualOptions) {
    this.model = model;
    this.texts = typeof input === 'string' ? { text: input } : input;
    this.options = { ...DEFAULTS, candidates: nearestWords(model), ...options };
    for (const [name, min] of [
      ['candidatesPerWord', 0],
      ['maxEdits', 1],
      ['wordsPerRound', 1],
      ['maxQueries', 1],
    ] as const)
      requireInteger(name, this.options[name], { min });
    this.target = to === undefined ? undefined : requireTarget(model, to);
    this.words = wordsOf(model, input, this.texts);
  }

  async run(): Promise<Counterfactual> {
    const { model } = this;
    const [logits] = await this.ask([[]]);
    const { label, score, probabilities } = model.answer(logits);
    this.output = model.outputs.indexOf(label);
    this.assigned = probabilities[this.output] >= 0.5;
    const before = { label, score };
    if (this.target === this.output)
      throw new AlbertineError('invalid_argument', `the answer is ${JSON.stringify(label)} already`, {
        value: label,
        option: 'to',
      });
    const { edits, ended } = await this.search();
    if (ended !== undefined) return { found: false, ended, before, ...this.result([], before) };
    const needed = await this.prune(edits);
    const [final] = await this.ask([needed]);
    const answer = model.answer(final);
    const after = model.isMultiLabel ? { label, score: answer.probabilities[this.output] } : answer;
    return { found: true, before, ...this.result(needed, { label: after.label, score: after.score }) };
  }

  private result(edits: readonly WordEdit[], after: LabelScore): Omit<Counterfactual, 'before' | 'found'> {
    const { words, texts, queries } = this;
    return {
      edits: [...edits]
        .sort((a, b) => a.word - b.word)
        .map(({ word, to }): CounterfactualEdit => {
          const { start, end, side, text } = words[word];
          return { start, end, from: text, to, ...(texts.pair !== undefined && { side }) };
        }),
      ...applied(texts, words, edits),
      after,
      queries,
      maxQueries: this.options.maxQueries,
    };
  }

  private async search(): Promise<{ edits: WordEdit[]; ended?: Counterfactual['ended'] }> {
    const { words, options } = this;
    const most = Math.min(options.maxEdits, Math.max(1, Math.floor(words.length / 2)));
    let edits: WordEdit[] = [];
    while (edits.length < most) {
      const edited = new Set(edits.map(({ word }) => word));
      const free = words.flatMap((_, word) => (edited.has(word) ? [] : [word]));
      if (free.length === 0) return { edits, ended: 'words' };
      const deletions = await this.tried(free.map((word) => [...edits, { word, to: null }]));
      const ranked = [...deletions].sort((a, b) => a.margin - b.margin).slice(0, options.wordsPerRound);
      const replacements = await this.replacements(ranked.map(({ edits: own }) => own[own.length - 1].word));
      const all = [...deletions, ...(await this.tried(replacements.map((edit) => [...edits, edit])))];
      if (all.length === 0) return { edits, ended: 'queries' };
      const best = all.reduce((a, b) => (b.margin < a.margin ? b : a));
      edits = best.edits;
      if (best.margin < 0) return { edits };
      if (this.queries >= options.maxQueries) return { edits, ended: 'queries' };
    }
    return { edits, ended: 'edits' };
  }

  /** Takes edits back, the first ones first, as long as the answer stays changed without them. */
  private async prune(edits: WordEdit[]): Promise<WordEdit[]> {
    let kept = edits;
    for (let i = 0; kept.length > 1 && i < kept.length;) {
      const fewer = kept.filter((_, j) => j !== i);
      const [logits] = await this.ask([fewer]);
      if (this.margin(logits) < 0) {
        kept = fewer;
        // What one edit made superfluous, another may not: all are looked at again.
        i = 0;
      } else i++;
    }
    return kept;
  }

  private async replacements(words: readonly number[]): Promise<WordEdit[]> {
    const { candidatesPerWord: count, candidates } = this.options;
    const found: WordEdit[] = [];
    for (const word of count === 0 ? [] : words) {
      const { text, start, end, side } = this.words[word];
      const whole = sideOf(this.texts, side);
      const place = { before: whole.slice(0, start), after: whole.slice(end), count };
      found.push(...(await candidates(text, place)).slice(0, count).map((to) => ({ word, to })));
    }
    return found;
  }

  /** Margins of edited texts, as many as there are queries left for. */
  private async tried(edits: readonly WordEdit[][]): Promise<{ edits: WordEdit[]; margin: number }[]> {
    const allowed = edits.slice(0, Math.max(0, this.options.maxQueries - this.queries));
    const logits = await this.ask(allowed);
    return allowed.map((own, i) => ({ edits: own, margin: this.margin(logits[i]) }));
  }

  private async ask(edits: readonly (readonly WordEdit[])[]): Promise<Float32Array[]> {
    this.queries += edits.length;
    const { texts, words } = this;
    return await this.model.ask(
      edits.map((own) => {
        const { text, pair } = applied(texts, words, own);
        return pair === undefined ? text : { text, pair };
      }),
    );
  }

  /** Below 0 where the answer is changed. */
  private margin(logits: Float32Array): number {
    const { output, target, assigned, model } = this;
    if (model.isMultiLabel) return assigned ? logits[output] : -logits[output];
    const others = Array.from(logits).filter((_, i) => i !== output);
    if (target === undefined) return logits[output] - Math.max(...others);
    // It must be the best of all, not only better than what was answered.
    const rivals = Array.from(logits).filter((_, i) => i !== target);
    return Math.max(...rivals) - logits[target];
  }
}

function requireTarget(model: ExplainedModel, to: string): number {
  if (model.isMultiLabel)
    throw new AlbertineError('invalid_argument', 'a multi-label model has no one label that an answer becomes', {
      value: to,
      option: 'to',
    });
  const target = model.outputs.indexOf(to);
  if (target >= 0) return target;
  throw new AlbertineError('invalid_argument', `the model has no label ${JSON.stringify(to)}`, {
    value: to,
    option: 'to',
    hint: `There are ${model.outputs.join(', ')}`,
  });
}

/** Words with letters or digits: marks alone are left as they are. */
function wordsOf(model: ExplainedModel, input: ExplainedInput, texts: TextsOfPair): Word[] {
  return model.encode(input).pieces.flatMap((piece) =>
    wordGroups(piece, texts).flatMap((group): Word[] => {
      const tokens = group.map((token) => piece.tokens[token]);
      const { side } = tokens[0];
      const start = Math.min(...tokens.map((token) => token.start));
      const end = Math.max(...tokens.map((token) => token.end));
      const text = sideOf(texts, side).slice(start, end);
      return /[\p{L}\p{N}]/u.test(text) ? [{ start, end, side, text }] : [];
    }),
  );
}

/** The texts with words replaced; with a deleted word goes the space before it, or after it at the beginning. */
function applied(texts: TextsOfPair, words: readonly Word[], edits: readonly WordEdit[]): TextsOfPair {
  const edit = (side: Side): string => {
    let text = sideOf(texts, side);
    const own = edits
      .filter(({ word }) => words[word].side === side)
      .sort((a, b) => words[b.word].start - words[a.word].start);
    for (const { word, to } of own) {
      const { start, end } = words[word];
      const before = text.slice(0, start);
      const after = text.slice(end);
      if (to !== null) text = before + to + after;
      else
        text = /\s$/.test(before)
          ? before.replace(/\s+$/, '') + after
          : before + (before === '' ? after.trimStart() : after);
    }
    return text;
  };
  return { text: edit('text'), ...(texts.pair !== undefined && { pair: edit('pair') }) };
}
