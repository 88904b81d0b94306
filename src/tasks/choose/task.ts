import { AlbertineError, describeValue } from '../../core/errors.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import { encodeOptions, optionLogits, type OptionPiece } from '../option-pieces.ts';
import type { AskOptions, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';

/** A question with its choices, and the passage that it is about where there is one. */
export interface ChoiceInput {
  /** Read first; empty where the choices go on from nothing. */
  context?: string;
  /** Stands before each choice, or has `_` where the choice goes. */
  question?: string;
  /** At least two texts. */
  choices: readonly string[];
  /** Goes into the result. */
  id?: string;
}

/**
 * Options of {@link ChoiceModel.predict}. `longText` is `truncate` by default, which cuts the context; with `window` it
 * is read in windows, and a choice counts where it is likeliest.
 */
export type ChooseOptions = AskOptions;

/** See `requireOptions`. */
export const CHOOSE_OPTIONS: OptionKinds<ChooseOptions> = ASK_OPTIONS;

/** The choice that was made. */
export interface ChoiceAnswer {
  /** That of the input. */
  id?: string;
  /** Index of the best choice; the first of equal ones. */
  choice: number;
  /** The best choice itself. */
  text: string;
  /** Probability of each choice, in their order. */
  scores: number[];
}

/** {@link ChoiceAnswer} with what happened to the texts, of all choices together. */
export type ChoicePrediction = ChoiceAnswer & TextCounts;

/** The types of {@link chooseTask}. A gold is the index of the right choice. */
export interface ChooseTypes {
  /** What is asked. */
  input: ChoiceInput;
  /** What is right. */
  gold: number;
  /** What is answered. */
  output: ChoiceAnswer;
  /** A checkpoint says nothing more. */
  facts: object;
  /** A row for the network: the question with one choice. */
  piece: OptionPiece;
  /** Options of asking. */
  options: ChooseOptions;
}

/** Questions with choices into one of them. */
export const chooseTask: Task<ChooseTypes> = {
  name: 'choose',
  head: 'multipleChoice',
  metrics: { accuracy: 'higher' },
  facts: () => ({}),
  requireInput(subject, input, index) {
    const { context, question, choices } = (input ?? {}) as Record<string, unknown>;
    if (context !== undefined) requireText(subject, context, index);
    if (question !== undefined) requireText(subject, question, index);
    if (Array.isArray(choices) && choices.length >= 2 && choices.every((choice) => typeof choice === 'string')) return;
    throw new AlbertineError(
      'invalid_argument',
      `input ${index} of ${subject} must have at least two choices, got ${describeValue(choices)}`,
      { value: input, hint: "Such as { context: 'a text', question: 'Why?', choices: ['so', 'or so'] }" },
    );
  },
  text: ({ question, context, choices }) => question ?? context ?? choices[0],
  encode: ({ context = '', question = '', choices }, { tokenizer, maxLength, longText = 'truncate' }) =>
    encodeOptions(
      choices.map((choice) => [context, fillIn(question, choice)] as const),
      { tokenizer, maxLength, longText, long: 'first' },
    ),
  decode({ choices, id }, { encoded: { pieces }, logits }) {
    const own = optionLogits(pieces, logits, choices.length);
    const largest = Math.max(...own);
    const parts = own.map((logit) => Math.exp(logit - largest));
    const total = parts.reduce((sum, part) => sum + part, 0);
    const choice = own.indexOf(largest);
    return {
      ...(id !== undefined && { id }),
      choice,
      text: choices[choice],
      scores: parts.map((part) => part / total),
    };
  },
  score(gold, outputs): Scores {
    const right = outputs.filter(({ choice }, row) => choice === gold[row]).length;
    // What guessing would give: questions may have different numbers of choices.
    const chance = outputs.reduce((sum, { scores }) => sum + 1 / scores.length, 0) / outputs.length;
    return { metrics: { accuracy: right / outputs.length }, details: { chance } };
  },
};

/** A choice in its question: in the place that is left for it, or behind it (as for RACE). */
const fillIn = (question: string, choice: string): string =>
  question.includes('_') ? question.replace(/_+/, () => choice) : question === '' ? choice : `${question} ${choice}`;
