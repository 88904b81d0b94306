import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../src/core/files-node.ts';
import { evaluateClassifier } from '../../src/tasks/classify/evaluate-node.ts';
import { fineTuneClassifier, type FineTuneOptions, type FineTuneResult } from '../../src/tasks/classify/tuning-node.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { readRun } from '../../src/training/report/report-node.ts';
import { LEARNS, readLines, sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
let model: string;
let train: string;
let dev: string;
beforeAll(async () => {
  model = await writeTinyModel(folder.path('model'));
  train = writeRows(folder.path('train.jsonl'), sentences(160, 1));
  dev = writeRows(folder.path('dev.jsonl'), sentences(60, 2));
});
afterAll(() => folder.remove());

let runs = 0;
const fineTune = (more: Partial<FineTuneOptions> = {}): Promise<FineTuneResult> =>
  fineTuneClassifier({
    model,
    train,
    evaluation: dev,
    output: folder.path(`run ${runs++}`),
    epochs: 6,
    ...LEARNS,
    ...more,
  });
const open = async (output: string): Promise<TextClassifier> =>
  TextClassifier.open(await openFolder(output), { threads: 1 });
const readJson = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

describe('fineTuneClassifier', () => {
  it('learns, saves what predict and evaluate need, and writes the run', async () => {
    const events: string[] = [];
    const result = await fineTune({ calibrate: true, onEvent: (kind, message) => events.push(`${kind}: ${message}`) });
    expect(result).toMatchObject({
      outcome: 'finished',
      steps: 60,
      labels: ['bad', 'good'],
      skipped: 0,
      rollBacks: 0,
      warnings: [expect.stringMatching(/^accuracy was still improving at the end/)],
    });
    expect(result.best!.value).toBeGreaterThan(0.8);
    expect(events).toContainEqual(expect.stringMatching(/^data: labels: \w+ \d+ \(5\d\.\d %\).*most frequent one/));

    const metrics = readLines(`${result.output}/metrics.jsonl`);
    expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    for (const line of metrics)
      expect(Object.keys(line)).toEqual(['step', 'loss', 'learningRate', 'gradNorm', 'tokens', 'seconds']);
    const { evaluations, info } = await readRun(result.output);
    expect(evaluations.map(({ step }) => step)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(info).toMatchObject({
      outcome: 'finished',
      totalSteps: 60,
      classCounts: { train: { bad: expect.any(Number) as number } },
      bestCheckpoint: { metric: 'accuracy', value: result.best!.value },
    });
    expect(info.confusionMatrix!.counts.flat().reduce((a, b) => a + b, 0)).toBe(60);

    using classifier = await open(result.output);
    const [good, bad] = await classifier.predict(['the film was great', 'the plot was awful and long']);
    expect([good.label, bad.label]).toEqual(['good', 'bad']);
    const calibrated = await evaluateClassifier(classifier, dev);
    expect(calibrated.metrics['accuracy']).toBeCloseTo(result.best!.value, 10);
    expect(calibrated.confusionMatrix).toEqual(info.confusionMatrix!.counts);
    expect(classifier.temperature).toBe(result.temperature);
    expect(calibrated.metrics['logLoss']).toBeLessThanOrEqual(result.best!.evaluation['logLoss'] + 1e-6);
    expect(readJson(`${result.output}/config.json`)).toMatchObject({
      architectures: ['AlbertForSequenceClassification'],
      id2label: { 0: 'bad', 1: 'good' },
      problem_type: 'single_label_classification',
    });
  });

  it('tells in the result, as an event and in run.json when few rows do not determine the temperature', async () => {
    const events: string[] = [];
    const few = sentences(200, 1)
      .filter(({ text }) => text.includes('great') || text.includes('awful'))
      .slice(0, 12);
    const { output, temperature, warnings } = await fineTune({
      evaluation: writeRows(folder.path('few-dev.jsonl'), few),
      calibrate: true,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    const told =
      'no temperature is stored: calibration ran to 0.05, the lowest that it tries, on 12 held-out rows, 12 of them labelled right; ';
    expect(temperature).toBeUndefined();
    // These held-out rows are training rows, which is told first.
    expect(warnings).toEqual([
      expect.stringMatching(/^12 of 12 held-out texts are also in the training data/),
      expect.stringContaining(told),
    ]);
    expect(events).toContain(`warning: ${warnings[1]}`);
    expect((await readRun(output)).info.notes).toContain(warnings[1]);
    expect(readJson(`${output}/config.json`)).not.toHaveProperty('albertine_temperature');
  });

  it('reads pairs', async () => {
    // Whether both texts are of the same kind cannot be told from either alone.
    const pairs = (rows: number, seed: number): object[] => {
      const [a, b] = [sentences(rows, seed), sentences(rows, seed + 1)];
      return a.map(({ text, label }, i) => ({
        first: text.split(' ').slice(0, 6).join(' '),
        second: b[i].text.split(' ').slice(0, 6).join(' '),
        label: label === 'good' ? 1 : 0,
      }));
    };
    const { output, best } = await fineTune({
      train: writeRows(folder.path('pairs.jsonl'), pairs(160, 3)),
      evaluation: writeRows(folder.path('pairs-dev.jsonl'), pairs(40, 7)),
      textField: 'first',
      pairField: 'second',
      epochs: 2,
    });
    expect(best).toBeDefined();
    using classifier = await open(output);
    const inputs = [
      { text: 'good film', pair: 'the story' },
      { text: 'the story', pair: 'good film' },
    ];
    const [one, other] = (await classifier.logits(inputs)).logits;
    expect(one).not.toBe(other);
    expect(classifier.labels).toEqual(['0', '1']);
    expect(readJson(`${output}/config.json`)).toMatchObject({ albertine_pairs: true });
    const refused = {
      code: 'invalid_argument',
      message: expect.stringMatching(/fine-tuned on pairs of texts, and one text alone.*pairField$/) as string,
    };
    await expect(classifier.predict(['good film'])).rejects.toMatchObject(refused);
    await expect(classifier.predict([inputs[0], { text: 'good film' }])).rejects.toMatchObject(refused);
    await expect(
      evaluateClassifier(classifier, folder.path('pairs-dev.jsonl'), { textField: 'first' }),
    ).rejects.toMatchObject(refused);
    expect(
      (
        await evaluateClassifier(classifier, folder.path('pairs-dev.jsonl'), {
          textField: 'first',
          pairField: 'second',
        })
      ).metrics['accuracy'],
    ).toBeCloseTo(best!.value, 10);
  });

  it('assigns several labels', async () => {
    const rows = (count: number, seed: number): object[] =>
      sentences(count, seed).map(({ text, label }) => ({
        text,
        label: [label, ...(text.includes('film') ? ['cinema'] : [])],
      }));
    const events: string[] = [];
    const { output, labels, best, warnings } = await fineTune({
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
      problem: 'multiLabel',
      train: writeRows(folder.path('multi.jsonl'), rows(160, 5)),
      evaluation: writeRows(folder.path('multi-dev.jsonl'), rows(60, 6)),
      epochs: 12,
    });
    expect(labels).toEqual(['bad', 'cinema', 'good']);
    expect(best).toMatchObject({ metric: 'macroF1' });
    expect(warnings).toEqual([]);
    expect(events).toContainEqual(
      expect.stringMatching(
        /^data: labels: \w+ \d+ \(5\d\.\d %\), \w+ \d+ .*; 1\.\d\d labels a row, 0 rows without any \(0\.0 %\); giving every row .* hammingLoss 0\.\d{4}/,
      ),
    );
    expect((await readRun(output)).info).toMatchObject({
      classCounts: { train: { cinema: expect.any(Number) as number } },
      classRows: { train: { rows: 160, unlabelled: 0 }, evaluation: { rows: 60, unlabelled: 0 } },
    });
    expect(best!.value).toBeGreaterThan(0.5);
    using classifier = await open(output);
    const [good, bad] = await classifier.predict(['the film was good', 'the film was awful']);
    await expect(classifier.predict([{ text: 'the film was good', pair: 'the film' }])).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/fine-tuned on single texts, and a pair/) as string,
    });
    await expect(
      evaluateClassifier(classifier, folder.path('multi-dev.jsonl'), { pairField: 'text' }),
    ).rejects.toMatchObject({ code: 'invalid_argument' });
    for (const { labels: scored, assigned } of [good, bad])
      expect(assigned).toEqual(scored.filter(({ score }) => score >= 0.5).map(({ label }) => label));
    // The data teach this surely; a label of one sentence can lie near 0.5, where rounding decides.
    const scoreOf = ({ labels: scored }: typeof good, name: string): number =>
      scored.find(({ label }) => label === name)!.score;
    expect(scoreOf(good, 'good') - scoreOf(bad, 'good')).toBeGreaterThan(0.3);
    expect((await evaluateClassifier(classifier, folder.path('multi-dev.jsonl'))).metrics['macroF1']).toBeCloseTo(
      best!.value,
      6,
    );
  });

  it('warns of labels that several labels a row give too few rows', async () => {
    const events: string[] = [];
    const rows = sentences(40, 5).map(({ text }, i) => ({
      text,
      label: [...(i < 12 ? ['often'] : []), ...(i < 3 ? ['seldom'] : [])],
    }));
    const { output, warnings } = await fineTune({
      problem: 'multiLabel',
      train: writeRows(folder.path('rare.jsonl'), rows),
      evaluation: writeRows(folder.path('rare-dev.jsonl'), rows.slice(3)),
      maxSteps: 20,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(warnings.slice(0, 4)).toEqual([
      expect.stringMatching(/^37 of 37 held-out texts are also in the training data/),
      expect.stringMatching(/^labels on fewer than 10 training rows: seldom 3 \(1 of 2\); /),
      expect.stringMatching(/^28 of 40 training rows have no label and are learned as such/),
      expect.stringMatching(/^labels on no held-out row: seldom \(1 of 2\); .*macroF1/),
    ]);
    expect(events).toEqual(expect.arrayContaining(warnings.map((warning) => `warning: ${warning}`)));
    expect((await readRun(output)).info.notes).toEqual(expect.arrayContaining(warnings));
  });

  it('fits numbers', async () => {
    const rows = (count: number, seed: number): object[] =>
      sentences(count, seed).map(({ text, label }) => ({ text, score: label === 'good' ? 4.5 : 1 }));
    const { output, best } = await fineTune({
      problem: 'regression',
      train: writeRows(folder.path('scores.jsonl'), rows(160, 5)),
      evaluation: writeRows(folder.path('scores-dev.jsonl'), rows(60, 6)),
      labelField: 'score',
      metric: 'rmse',
      epochs: 10,
      learningRate: 5e-3,
    });
    expect(best).toMatchObject({ metric: 'rmse' });
    expect(best!.value).toBeLessThan(1.4); // always answering the mean: 1.75
    using classifier = await open(output);
    const [good, bad] = await classifier.predict(['the film was great', 'the film was awful']);
    expect(good.score - bad.score).toBeGreaterThan(1);
    expect(
      (await evaluateClassifier(classifier, folder.path('scores-dev.jsonl'), { labelField: 'score' })).metrics['rmse'],
    ).toBeCloseTo(best!.value, 4);
    // transformers takes the number of outputs from the labels, and two where there are none.
    expect(readJson(`${output}/config.json`)).toMatchObject({
      problem_type: 'regression',
      id2label: { 0: 'LABEL_0' },
      label2id: { LABEL_0: 0 },
      albertine_pairs: false,
    });
  });

  it('holds a stratified part out when there is no evaluation file, and learns with every optimiser', async () => {
    for (const [name, learningRate] of [
      ['lamb', 2e-2],
      ['sgd', 5e-2],
    ] as const) {
      const { output, steps } = await fineTuneClassifier({
        model,
        train,
        output: folder.path(name),
        epochs: 2,
        ...LEARNS,
        learningRate,
        optimizer: { name },
      });
      expect(steps).toBe(18);
      const run = await readRun(output);
      const counts = run.info.classCounts!;
      expect(Object.values(counts['evaluation']).reduce((a, b) => a + b)).toBe(16);
      expect(Math.abs(counts['evaluation']['good'] / 16 - counts['train']['good'] / 144)).toBeLessThan(0.05);
      expect(run.steps.at(-1)!.values['loss']).toBeLessThan(run.steps[0].values['loss']);
    }
  });
});

describe('what cannot be trained', () => {
  const wrong = async (more: Partial<FineTuneOptions>, code: string, message: RegExp): Promise<void> => {
    await expect(fineTune({ epochs: 1, ...more })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  };

  it('is refused with the line or the option', async () => {
    const csv = folder.path('bad.csv');
    writeFileSync(csv, 'text,label\nthe film,good\nbad plot,\n');
    await wrong({ train: csv }, 'invalid_data', /bad\.csv, row 3: field "label" must be a label/);
    const unknown = writeRows(folder.path('unknown.jsonl'), [
      { text: 'a', label: 'good' },
      { text: 'a', label: 'god' },
    ]);
    await wrong(
      { evaluation: unknown },
      'invalid_data',
      /unknown\.jsonl, row 2: the label "god" is not among the known ones: \["bad","good"\] \(did you mean "good"\?\)/,
    );
    await wrong(
      {
        train: writeRows(folder.path('one.jsonl'), [
          { text: 'a', label: 'x' },
          { text: 'b', label: 'x' },
        ]),
      },
      'invalid_data',
      /only one label, "x"/,
    );
    await wrong({ textField: 'body' }, 'invalid_data', /no field "body"; the fields present are "text", "label"/);
    await wrong(
      { device: 'gpu' as 'webgpu', train: folder.path('absent.csv') },
      'invalid_argument',
      /device must be one of cpu, webgpu, got "gpu"/,
    );
    await wrong({ maxLength: 99 }, 'invalid_argument', /maxLength must be an integer >= 3 and <= 32/);
    await wrong(
      { freeze: ['albert.embedding'] },
      'invalid_argument',
      /frozen selects no parameter: albert\.embedding\./,
    );
    await wrong(
      { problem: 'multiLabel', calibrate: true },
      'invalid_argument',
      /calibrate needs a single-label problem/,
    );
    await wrong({ optimizer: { name: 'sgd', epsilon: 1e-8 } }, 'invalid_argument', /epsilon is not for sgd/);
    await wrong({ resume: true }, 'not_found', /no run to resume/);
  });

  it('does not lose an unfinished run or continue it with other settings', async () => {
    const controller = new AbortController();
    const output = folder.path('unfinished');
    const { outcome } = await fineTune({
      output,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 3) controller.abort();
      },
    });
    expect(outcome).toBe('interrupted');
    await wrong({ output }, 'invalid_argument', /unfinished run with a checkpoint of step 3\. .*--resume.*--overwrite/);
    await wrong(
      { output, resume: true, epochs: 6, learningRate: 1e-3 },
      'invalid_argument',
      /other settings: learningRate 0\.003 -> 0\.001/,
    );
    await wrong(
      { output, resume: true, epochs: 6, train: dev, evaluation: train },
      'invalid_argument',
      /the data are others/,
    );
    const warnings: string[] = [];
    const few = writeRows(folder.path('few.jsonl'), sentences(9, 4));
    const short = await fineTune({
      output,
      overwrite: true,
      epochs: 0.5,
      evaluation: few,
      onEvent: (kind, message) => kind === 'warning' && warnings.push(message),
    });
    expect(short).toMatchObject({ outcome: 'finished', steps: 5 });
    expect(short.warnings).toEqual(warnings);
    expect(warnings.slice(0, 2)).toEqual([
      expect.stringMatching(/only 5 steps on 160 rows/),
      expect.stringMatching(/only 9 rows held out/),
    ]);
    const { info } = await readRun(output);
    expect(info).toMatchObject({ outcome: 'finished', totalSteps: 5 });
  });

  it('does not replace a model, whether it was fine-tuned there or not, unless told to', async () => {
    const output = folder.path('twice');
    const warnings: string[] = [];
    await fineTune({
      output,
      maxSteps: 1,
      learningRate: 1e-9,
      onEvent: (kind, message) => kind === 'warning' && warnings.push(message),
    });
    expect(warnings.at(-1)).toMatch(/every held-out text is given the label "(bad|good)"/);
    await wrong({ output }, 'invalid_argument', /holds a finished run with its model already\. .*--overwrite/);
    await wrong({ output: model, overwrite: true }, 'invalid_argument', /the output \S+ is also read/);
    cpSync(model, folder.path('another model'), { recursive: true });
    await wrong({ output: folder.path('another model') }, 'invalid_argument', /holds a model already/);
    expect(await fineTune({ output, maxSteps: 2, overwrite: true })).toMatchObject({ steps: 2 });
  });
});
