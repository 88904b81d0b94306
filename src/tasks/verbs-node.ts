import type { Albert } from '../loaded/albert.ts';
import { evaluateTask } from './evaluate-node.ts';
import { fineTune, type TuningResult } from './fine-tune-node.ts';
import { pick } from '../core/pick.ts';
import type { RewritableData, Rewriting } from './rewriting.ts';
import type { HuggingFaceForm, TaskService } from './service.ts';
import type { AskOptions, TaskTypes, TextCounts } from './task.ts';
import type { Answer, TaskModel } from './task-model.ts';
import type { Tuning, TuningOptions } from './tuning.ts';
import type { FinishedRun, GivenOptions, Predictor, TaskVerbs } from './verbs.ts';

/** What a task with a head adds to {@link Tuning} for the command line. */
export interface VerbParts<T extends TaskTypes, O extends TuningOptions> {
  open(model: Albert): TaskModel<T>;
  /** Facts about a finished run, a line each. Default: none. */
  lines?(result: TuningResult & { facts: T['facts'] }): string[];
  next(options: O): string[];
  /** How rows are rewritten; absent where that is not known. */
  rewriting?: Rewriting<T>;
  /** Throws for options of evaluating that do not fit the model. */
  requireFitting?(model: TaskModel<T>, options: O): void;
  /** How Hugging Face's inference API asks it; absent where that does not. */
  huggingFace?(model: TaskModel<T>): HuggingFaceForm;
  predict: Pick<Predictor, 'open'> & {
    requireInputs?(model: TaskModel<T>, pairs: boolean): void;
    ofText?(text: { text: string; pair?: string }): T['input'];
    record(answer: Answer<T>, facts: T['facts'], options: GivenOptions): Record<string, unknown>;
    cells(answer: Answer<T>, facts: T['facts'], options: GivenOptions): Record<string, unknown>;
    /** The options of asking among those given. */
    asking(options: GivenOptions): T['options'];
  };
}

/** The verbs of a task with a head. */
export function verbsOf<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  parts: VerbParts<T, O>,
): TaskVerbs {
  const { rewriting } = parts;
  const open = async (
    albert: Albert,
    path: string,
    given: GivenOptions,
  ): Promise<Pick<RewritableData<T>, 'model' | 'data' | 'asking'>> => {
    const options = given as unknown as O;
    const model = parts.open(albert);
    parts.requireFitting?.(model, options);
    return {
      model,
      data: await tuning.read(path, options, model.facts),
      asking: {
        ...tuning.asking(options),
        ...pick(given as AskOptions, ['longText', 'maxLength', 'batchTokens']),
      },
    };
  };
  return {
    metrics: tuning.task.metrics,
    async fineTune(given): Promise<FinishedRun> {
      const options = given as unknown as O;
      const result = await fineTune(tuning, options);
      return { ...result, lines: parts.lines?.(result) ?? [], next: parts.next(options) };
    },
    async evaluate(albert, path, given) {
      const { model, data, asking } = await open(albert, path, given);
      return evaluateTask(model, data, asking);
    },
    predictor: (albert) => predictorOf(parts, albert),
    service: (albert) => serviceOf(parts, albert),
    ...(rewriting && {
      async rewritable(albert, path, given) {
        const opened = await open(albert, path, given);
        rewriting.check?.(opened.model.facts);
        return { ...opened, rewriting, metric: tuning.defaultMetric(opened.model.facts) } as unknown as RewritableData;
      },
    }),
  };
}

function predictorOf<T extends TaskTypes, O extends TuningOptions>(
  { open, predict }: VerbParts<T, O>,
  albert: Albert,
): Predictor {
  const model = open(albert);
  return {
    requireInputs: (pairs) => predict.requireInputs?.(model, pairs),
    ofText: () => predict.ofText?.bind(predict),
    ...(predict.open && { open: predict.open.bind(predict) }),
    answers: (inputs, options) =>
      model.predictStream(inputs as AsyncIterable<T['input']>, {
        ...predict.asking(options),
        ...pick(options as AskOptions & { lookAhead?: number }, ['longText', 'maxLength', 'batchTokens', 'lookAhead']),
      }) as AsyncGenerator<TextCounts>,
    record: (answer, options) => predict.record(answer as Answer<T>, model.facts, options),
    cells: (answer, options) => predict.cells(answer as Answer<T>, model.facts, options),
  };
}

function serviceOf<T extends TaskTypes, O extends TuningOptions>(
  { open, predict, huggingFace }: VerbParts<T, O>,
  albert: Albert,
): TaskService {
  const model = open(albert);
  return {
    async answer(inputs, options) {
      const answers = await model.predict(inputs as readonly T['input'][], options as T['options']);
      return answers.map((answer) => ({ record: predict.record(answer, model.facts, options), counts: answer }));
    },
    ...(huggingFace && { huggingFace: huggingFace(model) }),
  };
}
