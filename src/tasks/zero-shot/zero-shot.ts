import { AlbertineError, requireDistinct } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { requireOptions, requireTexts, type OptionKinds } from '../../core/options.ts';
import { option, prose } from '../../core/prose.ts';
import { softmax } from '../../core/softmax.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TextClassifier } from '../classify/classifier.ts';
import type { ScoredLabel } from '../classify/task.ts';
import { inferenceLabels } from './labels.ts';

/** Options of {@link ZeroShotClassifier.classify}. */
export interface ZeroShotOptions {
  /** Sentence that is entailed by a text of the label, which stands for each `{}`. Default "This text is about {}." */
  template?: string;
  /**
   * Judges every label by itself, entailed or contradicted, so that several can be right. Default false: one of the
   * labels is right.
   */
  multiLabel?: boolean;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

const ZERO_SHOT_OPTIONS: OptionKinds<ZeroShotOptions> = {
  template: 'string',
  multiLabel: 'boolean',
  batchTokens: 'number',
};

/** Labels of one text, best first. */
export interface ZeroShotPrediction {
  /** The likeliest label. */
  label: string;
  /** Its probability: among the labels, or with `multiLabel` its own. */
  score: number;
  /** All labels, best first. */
  labels: ScoredLabel[];
  /**
   * Tokens that were cut off the text, which shares the model's positions with a label's sentence: of the label that
   * lost most.
   */
  truncatedTokens: number;
}

const DEFAULT_TEMPLATE = 'This text is about {}.';

/**
 * Labels that a model was never trained on, by a classifier of pairs that knows entailment (Yin et al. 2019): a text
 * belongs to the label whose sentence it entails. Scores are those of Hugging Face's zero-shot pipeline.
 */
export class ZeroShotClassifier implements Disposable {
  /** The classifier of inferences that is asked. */
  readonly classifier: TextClassifier;
  private readonly entailment: number;
  private readonly contradiction: number | undefined;

  private constructor(classifier: TextClassifier) {
    const { labels, problem } = classifier;
    const { entailment, contradiction } = inferenceLabels(labels);
    if (problem !== 'singleLabel' || entailment === undefined) {
      throw new AlbertineError(
        'weights_mismatch',
        `the model does not know entailment: its labels are ${labels.join(', ')}`,
        { value: labels, hint: 'Fine-tune a classifier of pairs on labels of which one is called entailment' },
      );
    }
    classifier.requireInputs(true);
    this.entailment = entailment;
    this.contradiction = contradiction;
    this.classifier = classifier;
  }

  /**
   * Loads a classifier that knows entailment by name: in Node a folder or a hub id, in a page the URL of its folder.
   * Errors as of `open`.
   */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<ZeroShotClassifier> {
    return ZeroShotClassifier.from(await loadNamed(model, options));
  }

  /**
   * Opens a classifier of pairs that was fine-tuned on entailment. Throws `weights_mismatch` where none of its labels
   * is called so.
   */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<ZeroShotClassifier> {
    return ZeroShotClassifier.from(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing this one disposes the model. */
  static from(model: Albert): ZeroShotClassifier {
    return new ZeroShotClassifier(TextClassifier.from(model));
  }

  /**
   * How well each label fits each text. Long texts are cut. Throws `invalid_argument` for fewer labels than one, or two
   * where one of them is right, and for a label that stands twice.
   */
  async classify(
    texts: readonly string[],
    labels: readonly string[],
    options: ZeroShotOptions = {},
  ): Promise<ZeroShotPrediction[]> {
    requireTexts('classify', texts);
    requireTexts('labels', labels);
    requireOptions('classify', options, ZERO_SHOT_OPTIONS);
    const { template = DEFAULT_TEMPLATE, multiLabel = false, batchTokens } = options;
    if (labels.length < (multiLabel ? 1 : 2))
      throw new AlbertineError(
        'invalid_argument',
        `there must be at least ${multiLabel ? 'one label' : 'two labels'}, got ${labels.length}`,
        { value: labels, option: 'labels' },
      );
    requireDistinct('labels', labels);
    if (!template.includes('{}'))
      throw new AlbertineError(
        'invalid_argument',
        prose`the ${option('template')} has no {} for the label: ${JSON.stringify(template)}`,
        { value: template, option: 'template' },
      );
    const pairs = texts.flatMap((text) =>
      labels.map((label) => ({ text, pair: template.replaceAll('{}', () => label) })),
    );
    const { logits, texts: counts } = await this.classifier.logits(pairs, {
      longText: 'truncate',
      ...(batchTokens !== undefined && { batchTokens }),
    });
    const width = this.classifier.labels.length;
    return texts.map((_, text) => {
      const rows = labels.map((_label, i) =>
        logits.subarray((text * labels.length + i) * width, (text * labels.length + i + 1) * width),
      );
      const scores = multiLabel ? rows.map((row) => this.alone(row)) : softmax(rows.map((row) => row[this.entailment]));
      const scored = labels.map((label, i) => ({ label, score: scores[i] })).sort((a, b) => b.score - a.score);
      const truncatedTokens = Math.max(...labels.map((_label, i) => counts[text * labels.length + i].truncatedTokens));
      return { ...scored[0], labels: scored, truncatedTokens };
    });
  }

  /** Frees the classifier's native memory. */
  [Symbol.dispose](): void {
    this.classifier[Symbol.dispose]();
  }

  /** Entailment against contradiction, or against everything else where the model does not know it. */
  private alone(row: Float32Array): number {
    const others =
      this.contradiction === undefined
        ? Array.from(row).filter((_, i) => i !== this.entailment)
        : [row[this.contradiction]];
    return softmax([row[this.entailment], ...others])[0];
  }
}
