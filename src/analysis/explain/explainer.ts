import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { requireOptions, type OptionKinds } from '../../core/options.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import type { TextClassifier } from '../../tasks/classify/classifier.ts';
import { averageWindows } from '../../tasks/classify/task.ts';
import type { TextCounts } from '../../tasks/task.ts';
import { explainedClassifier, type ExplainedClassifierOptions } from './classifier.ts';
import { findCounterfactual, type Counterfactual, type CounterfactualOptions } from './counterfactual.ts';
import { deletionAndInsertion, type FaithfulnessOptions, type FaithfulnessOfText } from './faithfulness.ts';
import {
  BASELINES,
  gradientTimesInput,
  integratedGradients,
  joinCompleteness,
  type Baseline,
  type Completeness,
} from './integrated-gradients.ts';
import type { ExplainedInput, ExplainedModel, ExplainedPiece } from './model.ts';
import { occlusion } from './occlusion.ts';
import { attentionRollout } from './rollout.ts';
import {
  attributionsOfGroups,
  attributionsOfSpans,
  characterSpans,
  tokenGroups,
  UNITS,
  wordGroups,
  type AttributedToken,
  type Attribution,
  type TextsOfPair,
  type Unit,
} from './units.ts';

/** How attributions are computed. */
export type ExplainMethod = 'integrated-gradients' | 'gradient-x-input' | 'attention-rollout' | 'occlusion';
/** All of them. */
export const EXPLAIN_METHODS = [
  'integrated-gradients',
  'gradient-x-input',
  'attention-rollout',
  'occlusion',
] as const satisfies readonly ExplainMethod[];

/** Options of {@link TextExplainer.explain}. */
export interface ExplainOptions {
  /** Default `integrated-gradients`. */
  method?: ExplainMethod;
  /** Label that is explained. Default: the one that is predicted. */
  label?: string;
  /** What an attribution is of. Default `word`. */
  unit?: Unit;
  /**
   * What "no word" is, for integrated gradients and occlusion: the embedding of `[MASK]`, of `[PAD]`, or zeros
   * (integrated gradients only). Default `mask`; `pad` where the vocabulary has no mask.
   */
  baseline?: Baseline;
  /** Points of the integral. Default: 32, doubled until attributions are complete to a thousandth, up to 1024. */
  steps?: number;
  /** Stretches of the text (of the first one of a pair) whose attribution is wanted besides, UTF-16. */
  spans?: readonly (readonly [start: number, end: number])[];
  /** Told of the windows of the text that are explained. */
  onProgress?: ProgressListener;
}

/** Why a model answers as it does. */
export interface Explanation {
  /** How it was computed. */
  method: ExplainMethod;
  /** What the model answers, and its probability; of a regression the number. */
  label: string;
  /** Its probability; of a regression the number. */
  score: number;
  /** The output that is explained: a label, or `value`. */
  output: string;
  /** Its logit, which attributions are parts of; of a regression the number. */
  logit: number;
  /** Of integrated gradients and occlusion. */
  baseline?: Baseline;
  /** Of integrated gradients. */
  completeness?: Completeness;
  /** What an attribution is of. */
  unit: Unit;
  /** In the order of the text. */
  attributions: Attribution[];
  /** Of {@link ExplainOptions.spans}, in their order. */
  spans?: Attribution[];
  /** What falls on the special tokens; 0 with integrated gradients and occlusion, which leave them as they are. */
  special: number;
  /** What happened to the text. */
  counts: TextCounts;
}

const OPTIONS: OptionKinds<ExplainOptions> = {
  method: 'string',
  label: 'string',
  unit: 'string',
  baseline: 'string',
  steps: 'number',
  spans: 'list',
  onProgress: 'function',
};

/**
 * Explains the answers of a fine-tuned model: what in a text speaks for an output and what against it, which smallest
 * edit changes the answer, and how faithful the explanation is. Dispose it to free the model.
 */
export class TextExplainer implements Disposable {
  /** What is explained. */
  readonly model: ExplainedModel;

  private constructor(model: ExplainedModel) {
    this.model = model;
  }

  /** Of a classifier; disposing the explainer disposes it. Errors as of `explainedClassifier`. */
  static from(classifier: TextClassifier, options: ExplainedClassifierOptions = {}): TextExplainer {
    return new TextExplainer(explainedClassifier(classifier, options));
  }

  /** Of any model that can be explained. */
  static of(model: ExplainedModel): TextExplainer {
    return new TextExplainer(model);
  }

  /**
   * Attributions of one text. Throws `invalid_argument` for a label that there is none of and options that the method
   * does not have, `unsupported` for gradients of int8 weights.
   */
  async explain(input: ExplainedInput, options: ExplainOptions = {}): Promise<Explanation> {
    const checked = this.checked(options);
    const { model } = this;
    const { pieces, counts } = model.encode(input);
    const texts: TextsOfPair = typeof input === 'string' ? { text: input } : input;
    const logits = averageWindows(pieces, await model.logits(pieces)); // [outputs]
    const { label, score, probabilities } = model.answer(logits);
    const best = probabilities.indexOf(Math.max(...probabilities));
    const output = options.label === undefined ? best : requireLabel(model, options.label);
    const groups = pieces.map((piece) => (checked.unit === 'word' ? wordGroups(piece, texts) : tokenGroups(piece)));
    const tokens: AttributedToken[][] = [];
    const completeness: { completeness: Completeness; weight: number }[] = [];
    const meter = new ProgressMeter(options.onProgress, {
      stage: 'explaining',
      unit: 'windows',
      total: pieces.length,
    });
    for (const [i, piece] of pieces.entries()) {
      const part = await this.attribute(piece, { ...checked, output, groups: groups[i] });
      tokens.push(piece.tokens.map((token, t) => ({ ...token, value: piece.weight * part.values[t] })));
      if (part.completeness) completeness.push({ completeness: part.completeness, weight: piece.weight });
      meter.add(1);
    }
    return {
      method: checked.method,
      label,
      score,
      output: model.outputs[output],
      logit: logits[output],
      ...(checked.baseline && { baseline: checked.baseline }),
      ...(completeness.length > 0 && { completeness: joinCompleteness(completeness) }),
      unit: checked.unit,
      ...gathered(tokens, { groups, texts, unit: checked.unit, spans: options.spans }),
      counts,
    };
  }

  /**
   * The smallest edit found that changes the answer. Throws `invalid_argument` for regressions, which have no label.
   */
  counterfactual(input: ExplainedInput, options: CounterfactualOptions = {}): Promise<Counterfactual> {
    return findCounterfactual(this.model, input, options);
  }

  /** How fast the answer goes, and comes back, when words are masked, and unmasked, in the order of an explanation. */
  faithfulness(
    input: ExplainedInput,
    explanation: Pick<Explanation, 'attributions' | 'output'>,
    options: FaithfulnessOptions = {},
  ): Promise<FaithfulnessOfText> {
    return deletionAndInsertion(this.model, input, { ...options, explanation });
  }

  /** Frees the model's native memory. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  private checked(options: ExplainOptions): {
    method: ExplainMethod;
    unit: Unit;
    baseline: Baseline | undefined;
    steps: number | undefined;
  } {
    requireOptions('explain', options, OPTIONS);
    const method = requireOneOf('method', options.method ?? 'integrated-gradients', EXPLAIN_METHODS);
    const unit = requireOneOf('unit', options.unit ?? 'word', UNITS);
    const steps = options.steps === undefined ? undefined : requireInteger('steps', options.steps, { min: 1 });
    requireUse(method, options);
    if (method === 'gradient-x-input' || method === 'attention-rollout')
      return { method, unit, baseline: undefined, steps };
    const usual = this.model.tokenizer.special.mask === undefined ? 'pad' : 'mask';
    const baseline = requireOneOf('baseline', options.baseline ?? usual, BASELINES);
    if (method === 'occlusion' && baseline === 'zero')
      throw new AlbertineError('invalid_argument', 'occlusion puts a token in the place of others, and zero is none', {
        value: baseline,
        option: 'baseline',
        hint: 'Choose mask or pad',
      });
    return { method, unit, baseline, steps };
  }

  private async attribute(
    piece: ExplainedPiece,
    how: {
      method: ExplainMethod;
      output: number;
      baseline: Baseline | undefined;
      steps: number | undefined;
      groups: number[][];
    },
  ): Promise<{ values: Float64Array; completeness?: Completeness }> {
    const { model } = this;
    const { method, output, baseline, steps, groups } = how;
    switch (method) {
      case 'integrated-gradients':
        return await integratedGradients(model, piece, { output, baseline: baseline!, steps });
      case 'gradient-x-input':
        return { values: await gradientTimesInput(model, piece, output) };
      case 'attention-rollout':
        return { values: attentionRollout(await model.attentions(piece), piece.ids.length) };
      case 'occlusion':
        return {
          values: await occlusion(model, piece, { groups, output, baseline: baseline as 'mask' | 'pad' }),
        };
    }
  }
}

/** Attributions of tokens, by piece, as those of units and spans. */
function gathered(
  tokens: readonly AttributedToken[][],
  {
    groups,
    texts,
    unit,
    spans,
  }: { groups: readonly number[][][]; texts: TextsOfPair; unit: Unit; spans: ExplainOptions['spans'] },
): Pick<Explanation, 'attributions' | 'spans' | 'special'> {
  const all = tokens.flat();
  return {
    attributions:
      unit === 'character'
        ? attributionsOfSpans(all, characterSpans(all, texts), texts)
        : tokens.flatMap((own, i) => attributionsOfGroups(own, groups[i], texts)),
    ...(spans && { spans: attributionsOfSpans(all, spansOf(spans, texts.text), texts) }),
    special: all.reduce((sum, { start, value }) => (start < 0 ? sum + value : sum), 0),
  };
}

/** The number of an output. Throws `invalid_argument` listing what there is. */
export function requireLabel({ outputs, isNumber }: ExplainedModel, label: string): number {
  const output = outputs.indexOf(label);
  if (output >= 0 && !isNumber) return output;
  throw new AlbertineError(
    'invalid_argument',
    isNumber
      ? `this model answers with a number, so there is no label ${JSON.stringify(label)} to explain`
      : `the model has no label ${JSON.stringify(label)}`,
    { value: label, option: 'label', ...(!isNumber && { hint: `There are ${outputs.join(', ')}` }) },
  );
}

/** Refuses options that would do nothing. */
function requireUse(method: ExplainMethod, options: ExplainOptions): void {
  const without: Partial<Record<keyof ExplainOptions, readonly ExplainMethod[]>> = {
    steps: ['gradient-x-input', 'attention-rollout', 'occlusion'],
    baseline: ['gradient-x-input', 'attention-rollout'],
    label: ['attention-rollout'],
  };
  for (const [name, methods] of Object.entries(without) as [keyof ExplainOptions, readonly ExplainMethod[]][])
    if (options[name] !== undefined && methods.includes(method))
      throw new AlbertineError('invalid_argument', `the method ${method} has no ${name}`, {
        value: options[name],
        option: name,
      });
}

function spansOf(
  spans: readonly (readonly [start: number, end: number])[],
  text: string,
): { start: number; end: number; side: 'text' }[] {
  return spans.map(([start, end]) => {
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end > text.length || start >= end)
      throw new AlbertineError(
        'invalid_argument',
        `a span must be a range within the ${text.length} UTF-16 units of the text, got ${start} to ${end}`,
        { value: [start, end], option: 'spans' },
      );
    return { start, end, side: 'text' };
  });
}
