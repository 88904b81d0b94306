import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { createRandom, mixSeed, shuffle, type Random } from '../../core/random.ts';
import { bootstrapMean, type MeanInterval } from '../../metrics/resampling.ts';
import { applyEdits, type Edit } from '../../perturbation/perturbation.ts';
import { allWords, type WordPlace } from '../../perturbation/words.ts';
import { spread, type RewritableData } from '../../tasks/rewriting.ts';
import type { TaskTypes } from '../../tasks/task.ts';
import type { LabelledRow } from '../../tasks/tuning.ts';
import type { MeaningCheck } from './measure.ts';
import { inFormOf, type FindWords } from './model-perturbations.ts';
import type { RobustnessFailure } from './report.ts';

/** How words are chosen: `greedy`, the most important first; `random`, to compare with. */
export const ATTACK_SEARCHES = ['greedy', 'random'] as const;
/** One of {@link ATTACK_SEARCHES}. */
export type AttackSearch = (typeof ATTACK_SEARCHES)[number];

/** Options of {@link attackRows}. */
export interface AttackOptions {
  /** Words that may stand for a word. */
  find: FindWords;
  /** Whether a changed text still says the same; it is no query. */
  check: MeaningCheck;
  /** Texts that the model is asked for each row at most, the clean one not among them. Default 200. */
  queries?: number;
  /** Rows that are attacked, evenly spread over the file. Default 100. */
  limit?: number;
  /** Default `greedy`. */
  search?: AttackSearch;
  /** Candidates for each word. Default 12. */
  candidates?: number;
  /** Default 1. */
  seed?: number;
  /** Attacks kept as examples. Default 10. */
  examples?: number;
  /** Told about rows that are done. */
  onProgress?: ProgressListener;
  /** Stops between rows with `interrupted`. */
  signal?: AbortSignal;
}

/** How an attack went. */
export interface AttackReport {
  /** How words were chosen. */
  search: AttackSearch;
  /** Questions a row at most. */
  queries: number;
  /** Rows attacked, those that were answered wrongly as they are among them. */
  rows: number;
  /** Rows answered rightly as they are: only those are attacked. */
  attacked: number;
  /** Share of the attacked rows whose answer was turned wrong; NaN where none was attacked. */
  success: MeanInterval;
  /** Share of the rows that are answered rightly without an attack, and after it. */
  clean: number;
  /** Share that is answered rightly after the attack. */
  underAttack: MeanInterval;
  /** Of the successful attacks: mean share of the words that were replaced. */
  wordsChanged: number;
  /** Mean number of queries of an attacked row. */
  meanQueries: number;
  /** Some of the successful attacks. */
  examples: RobustnessFailure[];
}

const [QUERIES, LIMIT, WORD_CANDIDATES] = [200, 100, 12];

/** What an attack on a row came to. */
interface Outcome {
  succeeded: boolean;
  queries: number;
  words: number;
  edits: Edit[][];
  answer: object;
}

/**
 * Looks for words whose replacement turns a right answer wrong while the text says the same (as TextFooler, Jin et al.
 * 2020): words are ranked by how much leaving them out lowers the probability of what is right; one after the other each
 * is replaced by the near word that lowers it most, until the answer is wrong or the queries are used up. Function words
 * and negations stay. Throws `unsupported` for tasks without such a probability, `interrupted`.
 */
export async function attackRows(source: RewritableData, options: AttackOptions): Promise<AttackReport> {
  const { queries = QUERIES, limit = LIMIT, search = 'greedy', seed = 1, examples = 10, signal } = options;
  requireInteger('queries', queries, { min: 1 });
  requireOneOf('search', search, ATTACK_SEARCHES);
  const { data, model, rewriting, asking } = source;
  requireAttackable(source);
  const rows = spread(
    data.rows.map((row, index) => ({ row, index })),
    limit,
  );
  const answers = await model.predict(
    rows.map(({ row }) => row.input),
    asking,
  );
  const isRight = rows.map(({ row }, i) => rewriting.right(row.gold, answers[i], model.facts) === 1);
  const meter = new ProgressMeter(options.onProgress, { stage: 'attacking', unit: 'rows', total: rows.length });
  const outcomes: (Outcome | undefined)[] = [];
  for (const [i, { row, index }] of rows.entries()) {
    requireNotInterrupted(signal, 'interrupted while rows were attacked');
    const attack = new Attack(source, row, { ...options, queries });
    outcomes.push(isRight[i] ? await attack.run(answers[i], search, createRandom(mixSeed(seed, index))) : undefined);
    meter.add(1);
  }
  meter.finish();
  const attacked = outcomes.filter((outcome) => outcome !== undefined);
  const succeeded = attacked.filter((outcome) => outcome.succeeded);
  const mean = (of: (outcome: Outcome) => number, all: readonly Outcome[]): number =>
    all.reduce((sum, outcome) => sum + of(outcome), 0) / all.length;
  const stands = (outcome: Outcome | undefined): number => (outcome && !outcome.succeeded ? 1 : 0);
  return {
    search,
    queries,
    rows: rows.length,
    attacked: attacked.length,
    success: bootstrapMean(attacked.map(({ succeeded: done }) => Number(done))),
    clean: attacked.length / rows.length,
    underAttack: bootstrapMean(outcomes.map(stands)),
    wordsChanged: mean(({ edits, words }) => edits.flat().length / words, succeeded),
    meanQueries: mean((outcome) => outcome.queries, attacked),
    examples: rows
      .flatMap(({ row, index }, i) =>
        outcomes[i]?.succeeded ? [exampleOf(source, { row, index, before: answers[i], outcome: outcomes[i] })] : [],
      )
      .slice(0, examples),
  };
}

/** Throws `unsupported` for tasks without a probability of what is right. */
export function requireAttackable({ model, rewriting }: RewritableData): void {
  if (rewriting.belief) return;
  throw new AlbertineError(
    'unsupported',
    `an attack lowers the probability of a label; the task ${model.task.name} has none`,
    { value: model.task.name },
  );
}

function exampleOf(
  { rewriting, model }: RewritableData,
  { row, index, before, outcome }: { row: LabelledRow<TaskTypes>; index: number; before: object; outcome: Outcome },
): RobustnessFailure {
  const clean = rewriting.texts(row).map(({ text }) => text);
  const show = (output: object): string => rewriting.show({ output }, row, model.facts);
  return {
    index,
    clean,
    perturbed: clean.map((text, i) => ({ text: applyEdits(text, outcome.edits[i]), edits: outcome.edits[i] })),
    gold: rewriting.show({ gold: row.gold }, row, model.facts),
    before: show(before),
    after: show(outcome.answer),
  };
}

/** A word that may be replaced, with what may stand for it. */
interface Target extends WordPlace {
  part: number;
  candidates: string[];
}

/** How far a search has come. */
interface State {
  belief: number;
  edits: Edit[][];
}

/** The attack on one row. */
class Attack {
  private readonly source: RewritableData;
  private readonly row: LabelledRow<TaskTypes>;
  private readonly options: AttackOptions & { queries: number };
  private readonly texts: string[];
  private readonly targets: Target[];
  private readonly words: number;
  private asked = 0;

  constructor(source: RewritableData, row: LabelledRow<TaskTypes>, options: AttackOptions & { queries: number }) {
    this.source = source;
    this.row = row;
    this.options = options;
    this.texts = source.rewriting.texts(row).map(({ text }) => text);
    const words = this.texts.flatMap((text, part) => allWords(text).map((place) => ({ ...place, part })));
    this.words = words.length;
    this.targets = words
      .map((place) => ({
        ...place,
        candidates: options
          .find(place.word, 'own')
          .slice(0, options.candidates ?? WORD_CANDIDATES)
          .map(({ word }) => inFormOf(place.word, word)),
      }))
      .filter(({ candidates }) => candidates.length > 0);
  }

  async run(clean: object, search: AttackSearch, random: Random): Promise<Outcome> {
    const none: Outcome = {
      succeeded: false,
      queries: 0,
      words: this.words,
      edits: this.texts.map(() => []),
      answer: clean,
    };
    if (this.targets.length === 0) return none;
    const found = await (search === 'greedy' ? this.greedy(clean) : this.random(random));
    return { ...none, ...found, queries: this.asked };
  }

  /** Words by importance; each by the candidate that lowers the probability most. Again, while that leads on. */
  private async greedy(clean: object): Promise<Partial<Outcome>> {
    const state: State = { belief: this.beliefIn(clean), edits: this.texts.map(() => []) };
    const targets = await this.byImportance(state.belief);
    for (let before = Infinity; state.belief < before && this.left > 0;) {
      before = state.belief;
      for (const target of targets) {
        const outcome = await this.improve(state, target);
        if (outcome) return outcome;
      }
    }
    return {};
  }

  /** Takes the best candidate of a word, where it leads on; what is answered, where that is wrong. */
  private async improve(state: State, target: Target): Promise<Partial<Outcome> | undefined> {
    const tried = target.candidates.slice(0, this.left).map((word) => withEdit(state.edits, target, word));
    if (tried.length === 0) return undefined;
    const answers = await this.ask(tried);
    const isWrong = answers.map((answer) => !this.isRight(answer));
    const beliefs = answers.map((answer) => this.beliefIn(answer));
    // A wrong answer with the nearest word is best; else what is believed least.
    const order = [...tried.keys()].sort(
      (a, b) => Number(isWrong[b]) - Number(isWrong[a]) || (isWrong[a] ? a - b : beliefs[a] - beliefs[b]),
    );
    for (const at of order) {
      if (!isWrong[at] && beliefs[at] >= state.belief) return undefined;
      if (!(await this.saysTheSame(tried[at]))) continue;
      if (isWrong[at]) return { succeeded: true, edits: tried[at], answer: answers[at] };
      [state.edits, state.belief] = [tried[at], beliefs[at]];
      return undefined;
    }
    return undefined;
  }

  /** One replacement after the other, at random; from the start again when every word is replaced. */
  private async random(random: Random): Promise<Partial<Outcome>> {
    while (this.left > 0) {
      let edits: Edit[][] = this.texts.map(() => []);
      let asked = false;
      for (const target of shuffle([...this.targets], random)) {
        if (this.left === 0) break;
        const tried = withEdit(edits, target, target.candidates[random.integer(target.candidates.length)]);
        if (!(await this.saysTheSame(tried))) continue;
        edits = tried;
        asked = true;
        const [answer] = await this.ask([edits]);
        if (!this.isRight(answer)) return { succeeded: true, edits, answer };
      }
      if (!asked) return {};
    }
    return {};
  }

  /** Half of the queries at most are spent on importance; in longer texts evenly spread words are looked at. */
  private async byImportance(belief: number): Promise<Target[]> {
    const targets = spread(this.targets, Math.max(1, Math.floor(this.left / 2)));
    const answers = await this.ask(
      targets.map((target) =>
        withEdit(
          this.texts.map(() => []),
          target,
          '',
        ),
      ),
    );
    const loss = answers.map((answer) => belief - this.beliefIn(answer));
    return [...targets.keys()].sort((a, b) => loss[b] - loss[a]).map((i) => targets[i]);
  }

  private get left(): number {
    return this.options.queries - this.asked;
  }

  private async ask(all: readonly Edit[][][]): Promise<object[]> {
    const { model, rewriting, asking } = this.source;
    this.asked += all.length;
    return await model.predict(
      all.map((edits) => rewriting.put(this.row, this.rewritten(edits)).input),
      asking,
    );
  }

  private async saysTheSame(edits: readonly Edit[][]): Promise<boolean> {
    const pairs = this.rewritten(edits)
      .map(({ text }, i) => ({ before: this.texts[i], after: text }))
      .filter(({ before, after }) => before !== after);
    return (await this.options.check(pairs)).every(Boolean);
  }

  private rewritten(edits: readonly Edit[][]): { text: string; edits: Edit[] }[] {
    return this.texts.map((text, i) => ({ text: applyEdits(text, edits[i]), edits: edits[i] }));
  }

  private isRight(answer: object): boolean {
    return this.source.rewriting.right(this.row.gold, answer, this.source.model.facts) === 1;
  }

  private beliefIn(answer: object): number {
    return this.source.rewriting.belief!(this.row.gold, answer, this.source.model.facts);
  }
}

/** The edits with one more, or with another one of the same word. */
function withEdit(edits: readonly Edit[][], { part, start, end }: Target, replacement: string): Edit[][] {
  return edits.map((own, i) =>
    i === part
      ? [...own.filter((edit) => edit.start !== start), { start, end, replacement }].sort((a, b) => a.start - b.start)
      : own,
  );
}
