import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { requireOptions, type OptionKinds } from '../../core/options.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { holmCorrection, pairedTest, type PairedTest } from '../../metrics/resampling.ts';
import type { TextClassifier } from '../../tasks/classify/classifier.ts';
import { bestClass, MULTI_LABEL_THRESHOLD } from '../../tasks/classify/task.ts';
import { fillTemplates, requireLists, type FilledTemplate, type Template, type TermAttribute } from './templates.ts';

/** Options of {@link measureBias}. */
export interface BiasOptions {
  /** Sentences with slots. */
  templates: readonly Template[];
  /** By attribute. */
  groups: readonly TermAttribute[];
  /** The label whose scores are compared. Default: all of them; of two only the second, as the first is the rest. */
  label?: string;
  /** Draws of each test and interval. Default 10,000. */
  samples?: number;
  /** Default 1. */
  seed?: number;
  /** Told about what is done. */
  onProgress?: ProgressListener;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/** Figures of a group. */
export interface GroupFigures {
  /** Name of the group. */
  group: string;
  /** What the group is called. */
  terms: number;
  /** Mean score by output: a probability, or the number of a regression. */
  scores: Record<string, number>;
  /** Share of wrong answers to templates whose label the model has; absent without such templates. */
  errorRate?: number;
}

/** How two groups differ, by template. */
export interface GroupGap extends PairedTest {
  /** Name of the attribute. */
  attribute: string;
  /** The output whose score is compared, or `error rate`. */
  measure: string;
  /** Name of the one group. */
  first: string;
  /** Name of the other. */
  second: string;
  /** p-value corrected for all comparisons of the report (Holm 1979). */
  adjusted: number;
}

/** Figures of an attribute. */
export interface AttributeFigures {
  /** What it is called. */
  name: string;
  /** Templates with its slot, and those of them whose label the model has. */
  templates: number;
  /** Templates that say what is right. */
  labelledTemplates: number;
  /** By attribute. */
  groups: GroupFigures[];
}

/** What {@link measureBias} found. */
export interface BiasReport {
  /** Figures of each attribute. */
  attributes: AttributeFigures[];
  /** All pairs of groups of all attributes, the largest gaps first. */
  gaps: GroupGap[];
  /** Texts that the model was asked. */
  texts: number;
  /** Templates with a label that the model does not have: they count for scores and not for errors. */
  foreignLabels: number;
  /** How often was resampled. */
  samples: number;
  /** Of the model and what was computed with it. */
  fingerprint: string;
}

const KINDS: OptionKinds<BiasOptions> = {
  templates: 'list',
  groups: 'list',
  label: 'string',
  samples: 'number',
  seed: 'number',
  onProgress: 'function',
  signal: 'object',
};

/** Name of the measure that is no score. */
export const ERROR_RATE = 'error rate';
const TEXTS_AT_ONCE = 128;

/**
 * Swaps terms for people in templates and compares what a classifier says of the groups (as the Equity Evaluation
 * Corpus, Kiritchenko & Mohammad 2018): means of scores, and error rates where templates have a label. Groups are
 * compared in pairs by template, with a bootstrap interval of the gap and a randomisation test, corrected for the
 * number of comparisons. Throws `invalid_data` for lists that do not fit each other, `invalid_argument` for an unknown
 * label.
 */
export async function measureBias(classifier: TextClassifier, options: BiasOptions): Promise<BiasReport> {
  requireOptions('measureBias', options, KINDS);
  const { templates, groups, samples = 10_000, seed = 1, signal } = options;
  requireInteger('samples', samples, { min: 1 });
  requireLists(templates, groups);
  classifier.requireInputs(templates[0].pair !== undefined);
  const outputs = comparedOutputs(classifier, options.label);
  const filled = groups.map((attribute) => fillTemplates(templates, attribute));
  const texts = filled.reduce((sum, { length }) => sum + length, 0);
  const meter = new ProgressMeter(options.onProgress, { stage: 'asking', unit: 'texts', total: texts });
  const attributes: AttributeFigures[] = [];
  const gaps: Omit<GroupGap, 'adjusted'>[] = [];
  for (const [i, attribute] of groups.entries()) {
    const answered = await answers(classifier, filled[i], { meter, signal });
    const measured = new Measured(attribute, { answered, outputs });
    attributes.push(measured.figures());
    gaps.push(...measured.gaps({ samples, seed }));
  }
  const adjusted = holmCorrection(gaps.map(({ pValue }) => pValue));
  return {
    attributes,
    gaps: gaps
      .map((gap, i) => ({ ...gap, adjusted: adjusted[i] }))
      .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference)),
    texts,
    foreignLabels: templates.filter(({ label }) => label !== undefined && !knows(classifier, label)).length,
    samples,
    fingerprint: classifier.model.fingerprint,
  };
}

interface Output {
  name: string;
  index: number;
}

/** The outputs that are compared. */
function comparedOutputs({ problem, labels }: TextClassifier, label: string | undefined): Output[] {
  if (problem === 'regression') {
    if (label !== undefined)
      throw new AlbertineError('invalid_argument', `this model answers with a number and has no label ${label}`, {
        value: label,
        option: 'label',
      });
    return [{ name: 'value', index: 0 }];
  }
  if (label !== undefined && !labels.includes(label))
    throw new AlbertineError('invalid_argument', `the model has no label ${JSON.stringify(label)}`, {
      value: label,
      option: 'label',
      hint: `There are ${labels.join(', ')}`,
    });
  const all = labels.map((name, index) => ({ name, index }));
  if (label !== undefined) return all.filter(({ name }) => name === label);
  return problem === 'singleLabel' && all.length === 2 ? [all[1]] : all;
}

const knows = ({ problem, labels }: TextClassifier, label: string): boolean =>
  problem !== 'regression' && labels.includes(label);

/** A filled template with what the model says of it. */
interface Answered extends FilledTemplate {
  scores: Float32Array;
  /** Undefined where nothing is known to be right. */
  wrong: boolean | undefined;
}

async function answers(
  classifier: TextClassifier,
  filled: readonly FilledTemplate[],
  { meter, signal }: { meter: ProgressMeter; signal: AbortSignal | undefined },
): Promise<Answered[]> {
  const { problem, labels } = classifier;
  const width = problem === 'regression' ? 1 : labels.length;
  const all: Answered[] = [];
  for (let first = 0; first < filled.length; first += TEXTS_AT_ONCE) {
    signal?.throwIfAborted();
    const part = filled.slice(first, first + TEXTS_AT_ONCE);
    const { logits } = await classifier.logits(part.map(({ input }) => input));
    part.forEach((one, row) => {
      const own = logits.subarray(row * width, (row + 1) * width);
      const scores = problem === 'regression' ? own : classifier.probabilities(own);
      const gold = one.label === undefined || !knows(classifier, one.label) ? undefined : labels.indexOf(one.label);
      const wrong =
        gold === undefined
          ? undefined
          : problem === 'multiLabel'
            ? scores[gold] < MULTI_LABEL_THRESHOLD
            : bestClass(own) !== gold;
      all.push({ ...one, scores, wrong });
    });
    meter.add(part.length);
  }
  return all;
}

/** One attribute's answers, as means of each group's terms for every template: what groups are paired by. */
class Measured {
  private readonly attribute: TermAttribute;
  private readonly answered: readonly Answered[];
  private readonly outputs: readonly Output[];
  private readonly templates: number[];
  private readonly labelled: number[];

  constructor(attribute: TermAttribute, parts: { answered: readonly Answered[]; outputs: readonly Output[] }) {
    this.attribute = attribute;
    this.answered = parts.answered;
    this.outputs = parts.outputs;
    this.templates = [...new Set(this.answered.map(({ template }) => template))];
    this.labelled = [
      ...new Set(this.answered.filter(({ wrong }) => wrong !== undefined).map(({ template }) => template)),
    ];
  }

  figures(): AttributeFigures {
    const { name, groups } = this.attribute;
    return {
      name,
      templates: this.templates.length,
      labelledTemplates: this.labelled.length,
      groups: Object.entries(groups).map(([group, terms]): GroupFigures => ({
        group,
        terms: terms.length,
        scores: Object.fromEntries(this.outputs.map((output) => [output.name, mean(this.scores(group, output))])),
        ...(this.labelled.length > 0 && { errorRate: mean(this.errors(group)) }),
      })),
    };
  }

  /** Every pair of groups, by every output and by errors. */
  gaps(options: { samples: number; seed: number }): Omit<GroupGap, 'adjusted'>[] {
    const names = Object.keys(this.attribute.groups);
    const pairs = names.flatMap((first, i) => names.slice(i + 1).map((second) => ({ first, second })));
    const measures: { measure: string; of: (group: string) => number[] }[] = [
      ...this.outputs.map((output) => ({ measure: output.name, of: (group: string) => this.scores(group, output) })),
      ...(this.labelled.length > 0 ? [{ measure: ERROR_RATE, of: (group: string) => this.errors(group) }] : []),
    ];
    return measures.flatMap(({ measure, of }) =>
      pairs.map(({ first, second }) => ({
        attribute: this.attribute.name,
        measure,
        first,
        second,
        ...pairedTest(of(first), of(second), options),
      })),
    );
  }

  private scores(group: string, { index }: Output): number[] {
    return this.byTemplate(group, this.templates, ({ scores }) => scores[index]);
  }

  private errors(group: string): number[] {
    return this.byTemplate(group, this.labelled, ({ wrong }) => Number(wrong));
  }

  private byTemplate(group: string, templates: readonly number[], value: (one: Answered) => number): number[] {
    const own = this.answered.filter((one) => one.group === group);
    return templates.map((template) => mean(own.filter((one) => one.template === template).map(value)));
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
