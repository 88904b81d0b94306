import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { openRecordWriter } from '../../src/data/writers-node.ts';
import { npyHeader } from '../../src/data/npy.ts';
import { cosine } from '../../src/metrics/similarity.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { distill, type DistillOptions, type DistillResult } from '../../src/tasks/distill/distill-node.ts';
import { fineTuneClassifier } from '../../src/tasks/classify/tuning-node.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { readRun } from '../../src/training/report/report-node.ts';
import { LEARNS, readLines, sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
const WIDTH = 48;

/**
 * A teacher that knows words and nothing else: the sum of a random vector for each, and of one that all texts share.
 */
function teacherVector(text: string, width = WIDTH): Float32Array {
  const vector = new Float32Array(width).fill(0.5);
  for (const word of text.split(' ')) {
    const random = createRandom([...word].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7));
    for (let i = 0; i < width; i++) vector[i] += random.normal();
  }
  return vector;
}

function writeVectors(path: string, vectors: readonly Float32Array[]): string {
  writeFileSync(
    path,
    Buffer.concat([
      npyHeader('float32', vectors.length, vectors[0].length),
      ...vectors.map((vector) => Buffer.from(vector.buffer)),
    ]),
  );
  return path;
}

let student: string;
let texts: string;
let vectors: string;
const all = sentences(300, 1).map(({ text }) => text);
beforeAll(async () => {
  student = await writeTinyModel(folder.path('student'));
  texts = folder.path('texts.txt');
  writeFileSync(texts, `${all.join('\n')}\n`);
  vectors = writeVectors(
    folder.path('vectors.npy'),
    all.map((text) => teacherVector(text)),
  );
});
afterAll(() => folder.remove());

let runs = 0;
const run = (more: Partial<DistillOptions> = {}): Promise<DistillResult> =>
  distill({
    student,
    input: [texts],
    teacherVectors: [vectors],
    output: folder.path(`run ${runs++}`),
    ...LEARNS,
    ...more,
  });
const weightsOf = (output: string): string => readFileSync(join(output, 'model.safetensors')).toString('base64');
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

describe('distillation of sentence vectors', () => {
  it('brings held-out texts nearer to the teacher, and saves what was measured', async () => {
    const events: string[] = [];
    const result = await run({ epochs: 12, onEvent: (kind, message) => events.push(`${kind}: ${message}`) });
    expect(result).toMatchObject({ outcome: 'finished', task: 'embedding', trainRows: 270, evaluationRows: 30 });
    expect(result.end!['cosine']).toBeGreaterThan(result.start!['cosine'] + 0.2);
    expect(result.end!['cosine']).toBeGreaterThan(0.5);
    expect(result.end!['spearman']).toBeGreaterThan(result.start!['spearman'] + 0.2);
    expect(events).toContainEqual(expect.stringMatching(/^data: 300 texts, [\d,]+ tokens, 30 held out$/));
    expect(events).toContainEqual(
      expect.stringMatching(
        /^data: vectors of 48 numbers, of which the student learns the 32 main directions: [\d.]+ % of the variance of 270 vectors; Spearman of their similarities with the teacher's own 0\.\d+$/,
      ),
    );
    expect(events).toContainEqual(
      expect.stringMatching(
        /^data: 30 held-out texts: cosine to the teacher -?0\.\d+ -> 0\.\d+, Spearman of similarities -?0\.\d+ -> 0\.\d+$/,
      ),
    );

    const { info, evaluations } = await readRun(result.output);
    expect(info).toMatchObject({
      outcome: 'finished',
      bestCheckpoint: { metric: 'cosine' },
      config: {
        task: 'distillation',
        objective: 'embedding',
        loss: 'cosine',
        teacherWidth: 48,
        similarityWeight: 0.5,
        temperature: 0.2,
        trainRows: 270,
      },
    });
    expect(info.notes!.at(-1)).toMatch(/^30 held-out texts/);
    expect(evaluations[0]).toMatchObject({ step: 0, metrics: result.start! });
    expect(readLines(join(result.output, 'metrics.jsonl'))[0]).toMatchObject({
      cosine: expect.any(Number) as number,
      vectorLoss: expect.any(Number) as number,
      similarityLoss: expect.any(Number) as number,
    });

    // The folder is that of sentence embeddings.
    expect(readJson(join(result.output, '1_Pooling/config.json'))).toMatchObject({
      word_embedding_dimension: 32,
      pooling_mode_mean_tokens: true,
    });
    expect(readFileSync(join(result.output, 'README.md'), 'utf8')).toMatch(
      /learned with albertine the vectors of 48 numbers of a teacher \(vectors\.npy\) for 270 texts/,
    );
    expect(readJson(join(result.output, 'distillation/targets.json'))).toMatchObject({
      teacherWidth: 48,
      width: 32,
      unit: true,
      scale: 1,
      files: ['targets-mean.npy', 'targets-directions.npy'],
    });
    expect(existsSync(join(result.output, 'distillation/tokens.bin'))).toBe(false);
    using trained = await loadModel(result.output, { threads: 1 });
    using before = await loadModel(student, { threads: 1 });
    const unseen = sentences(40, 9).map(({ text }) => text);
    const agreement = async (model: typeof trained): Promise<number> => {
      const matrix = await model.embed(unseen);
      return (
        unseen
          .slice(1)
          .reduce(
            (sum, text, i) =>
              sum +
              Math.abs(
                cosine(matrix.row(i), matrix.row(i + 1)) - cosine(teacherVector(unseen[i]), teacherVector(text)),
              ),
            0,
          ) / 39
      );
    };
    expect(trained.pooling).toBe('mean');
    expect(await agreement(trained)).toBeLessThan(await agreement(before));
    expect(trained.weights.get('albert.pooler.weight')!.data).toEqual(before.weights.get('albert.pooler.weight')!.data);
  });

  it('is the same from a matrix, from a field beside the texts, and from a file that embed writes', async () => {
    const options = { maxSteps: 4, heldOut: 20 };
    const fromMatrix = await run(options);
    const rows = writeRows(
      folder.path('both.jsonl'),
      all.map((text) => ({ text, embedding: Array.from(teacherVector(text)) })),
    );
    const fromField = await run({ ...options, input: [rows], teacherVectors: undefined });
    expect(weightsOf(fromField.output)).toBe(weightsOf(fromMatrix.output));
    const path = folder.path('vectors.parquet');
    const writer = await openRecordWriter(path);
    for (const [index, text] of all.entries()) await writer.write({ index, embedding: teacherVector(text) });
    await writer.close();
    const fromParquet = await run({ ...options, teacherVectors: [path] });
    expect(weightsOf(fromParquet.output)).toBe(weightsOf(fromMatrix.output));
    // In two files, with an empty text between them, whose vector is passed over.
    const [first, second] = [folder.path('first.txt'), folder.path('second.txt')];
    writeFileSync(first, `${all.slice(0, 100).join('\n')}\n\n`);
    writeFileSync(second, `${all.slice(100).join('\n')}\n`);
    const parts = [
      writeVectors(
        folder.path('first.npy'),
        [...all.slice(0, 100), ''].map((text) => teacherVector(text)),
      ),
      writeVectors(
        folder.path('second.npy'),
        all.slice(100).map((text) => teacherVector(text)),
      ),
    ];
    const events: string[] = [];
    const fromParts = await run({
      ...options,
      input: [first, second],
      teacherVectors: parts,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(weightsOf(fromParts.output)).toBe(weightsOf(fromMatrix.output));
    expect(events).toContainEqual(expect.stringMatching(/^data: 300 texts, .*1 empty text left out$/));
  });

  it('continues an interrupted run bit for bit', async () => {
    const options = { maxSteps: 9, evaluateEvery: 4, checkpointEvery: 3, similarityWeight: 1 } as const;
    const whole = await run(options);
    const output = folder.path('interrupted');
    for (const stopAt of [2, 5]) {
      const controller = new AbortController();
      const part = await run({
        ...options,
        output,
        resume: stopAt > 2,
        signal: controller.signal,
        onProgress: ({ done, unit }) => {
          if (unit === 'steps' && done === stopAt) controller.abort();
        },
      });
      expect(part).toMatchObject({ outcome: 'interrupted', steps: stopAt });
    }
    const resumed = await run({ ...options, output, resume: true });
    expect(resumed).toMatchObject({
      outcome: 'finished',
      steps: 9,
      best: whole.best,
      start: whole.start,
      end: whole.end,
    });
    expect(weightsOf(output)).toBe(weightsOf(whole.output));
    const untimed = (path: string): unknown =>
      readLines(join(path, 'metrics.jsonl')).map((line) => ({ ...line, seconds: 0 }));
    expect(untimed(output)).toEqual(untimed(whole.output));
    // Other vectors are another run.
    const stopped = folder.path('stopped');
    const controller = new AbortController();
    await run({
      ...options,
      output: stopped,
      signal: controller.signal,
      onProgress: ({ done, unit }) => {
        if (unit === 'steps' && done === 3) controller.abort();
      },
    });
    const others = writeVectors(
      folder.path('others.npy'),
      all.map((text, i) => (i === 200 ? teacherVector('dull') : teacherVector(text))),
    );
    await expect(run({ ...options, output: stopped, resume: true, teacherVectors: [others] })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/had other settings: the data are others/) as string,
    });
  });

  it('takes the numbers themselves, first tokens, and a teacher narrower or wider than the student', async () => {
    const narrow = writeVectors(
      folder.path('narrow.npy'),
      all.map((text) => teacherVector(text, 20)),
    );
    const filled = await run({ teacherVectors: [narrow], loss: 'mse', pooling: 'cls', similarityWeight: 0, epochs: 4 });
    expect(filled.end!['cosine']).toBeGreaterThan(filled.start!['cosine'] + 0.2);
    expect(readJson(join(filled.output, 'distillation/targets.json'))).toMatchObject({
      teacherWidth: 20,
      width: 32,
      unit: false,
      scale: expect.any(Number) as number,
    });
    expect(readJson(join(filled.output, '1_Pooling/config.json'))).toMatchObject({ pooling_mode_cls_token: true });

    const projected = await run({ projection: true, epochs: 4, centre: false });
    expect(projected.end!['cosine']).toBeGreaterThan(projected.start!['cosine'] + 0.3);
    const layer = readFileSync(join(projected.output, 'distillation/projection.npy'));
    expect(layer.toString('latin1')).toContain("'shape': (48, 32)");
    using model = await loadModel(projected.output, { threads: 1 });
    expect((await model.embed(['good film'])).dimensions).toBe(32);
  });

  it('asks an ALBERT once, with words of its own for a new network, and goes on where it was interrupted', async () => {
    const teacher = await writeTinyModel(folder.path('teacher'));
    const output = folder.path('taught');
    // A blank line is no text that the teacher is asked about.
    const gapped = folder.path('gapped.txt');
    writeFileSync(gapped, `${all.slice(0, 150).join('\n')}\n\n${all.slice(150).join('\n')}\n`);
    const controller = new AbortController();
    const stopped = run({
      input: [gapped],
      teacher,
      teacherVectors: undefined,
      student: 'nano',
      output,
      maxSteps: 2,
      signal: controller.signal,
      onProgress: ({ stage }) => {
        if (stage === 'asking the teacher') controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({
      code: 'interrupted',
      message: expect.stringMatching(/while the teacher was asked/) as string,
    });
    const events: string[] = [];
    const listen = (kind: string, message: string): number => events.push(`${kind}: ${message}`);
    const small = { preset: 'nano', hiddenSize: 24, numAttentionHeads: 2, embeddingSize: 8, maxPositionEmbeddings: 32 };
    await run({
      input: [gapped],
      teacher,
      teacherVectors: undefined,
      student: small,
      output,
      maxSteps: 2,
      resume: true,
      onEvent: listen,
    });
    expect(events).toEqual(
      expect.arrayContaining([
        'resumed: no step was made yet: starting from the beginning',
        "model: word embeddings of the new network: the teacher's, 8 main directions of 16",
        "data: the teacher's vectors: 300 computed, 0 already there",
      ]),
    );
    const { info } = await readRun(output);
    expect(info.config).toMatchObject({ model: `new network ${JSON.stringify(small)}`, teacher });
    events.length = 0;
    await run({
      input: [gapped],
      teacher,
      teacherVectors: undefined,
      student,
      teacherCache: join(output, 'distillation'),
      maxSteps: 1,
      onEvent: listen,
    });
    expect(events).toContain("data: the teacher's vectors: 0 computed, 300 already there");
    // Another teacher's are not taken for its own.
    events.length = 0;
    const classifier = await writeTinyModel(folder.path('teacher 2'));
    await run({
      input: [gapped],
      teacher: classifier,
      teacherVectors: undefined,
      student: 'nano',
      wordEmbeddings: 'random',
      teacherCache: join(output, 'distillation'),
      maxSteps: 1,
      maxLength: 8,
      onEvent: listen,
    });
    expect(events).toContain("data: the teacher's vectors: 0 computed, 300 already there");
  });
});

describe('a run that is resumed', () => {
  const begun = async (options: Partial<DistillOptions>): Promise<string> => {
    const output = folder.path(`begun ${runs++}`);
    const controller = new AbortController();
    await run({
      maxSteps: 4,
      ...options,
      output,
      signal: controller.signal,
      onProgress: ({ done, unit }) => {
        if (unit === 'steps' && done === 2) controller.abort();
      },
    });
    return output;
  };

  it('is refused for another student, texts or teacher before a teacher is asked, whose answers stay', async () => {
    const teacher = await writeTinyModel(folder.path('resumed teacher'));
    const options = { teacher, teacherVectors: undefined, maxSteps: 4 };
    const output = await begun(options);
    const answers = readdirSync(join(output, 'distillation'));
    expect(answers.filter((name) => name.startsWith('teacher-'))).toHaveLength(1);
    const resumed = (more: Partial<DistillOptions>): Promise<unknown> => {
      const events: string[] = [];
      return run({ ...options, output, resume: true, ...more, onProgress: ({ stage }) => events.push(stage) }).then(
        () => undefined,
        ({ message }: Error) => [message, events.includes('asking the teacher')],
      );
    };
    const other = (await run({ epochs: 2 })).output;
    const texts2 = folder.path('texts 2.txt');
    writeFileSync(texts2, `${all.slice(0, 299).join('\n')}\nanother text\n`);
    const refused = async (more: Partial<DistillOptions>, message: RegExp): Promise<void> =>
      expect(await resumed(more)).toEqual([expect.stringMatching(message), false]);
    await refused({ student: other }, /the weights that it started from are others/);
    await refused({ input: [texts2] }, /the texts are others/);
    await refused({ teacher: other }, /teacher ".*resumed teacher" -> ".*run \d+"/);
    await refused({ maxSteps: 5 }, /steps in all 4 -> 5/);
    expect(readdirSync(join(output, 'distillation')).filter((name) => name.startsWith('teacher-'))).toEqual(
      answers.filter((name) => name.startsWith('teacher-')),
    );
    expect(await resumed({})).toBeUndefined();
  });

  it('that is not there is told at once, and one that failed leaves nothing', async () => {
    const nothing = folder.path('nothing here');
    await expect(run({ output: nothing, resume: true })).rejects.toMatchObject({ code: 'not_found' });
    expect(existsSync(nothing)).toBe(false);
    const failed = folder.path('failed');
    const short = writeVectors(
      folder.path('short.npy'),
      all.slice(1).map((text) => teacherVector(text)),
    );
    await expect(run({ output: failed, teacherVectors: [short] })).rejects.toMatchObject({ code: 'invalid_data' });
    expect(existsSync(failed)).toBe(false);
    // What was there before is not of the run.
    mkdirSync(join(failed, 'distillation'), { recursive: true });
    writeFileSync(join(failed, 'distillation/notes.txt'), 'mine');
    await expect(run({ output: failed, teacherVectors: [short] })).rejects.toMatchObject({ code: 'invalid_data' });
    expect(readFileSync(join(failed, 'distillation/notes.txt'), 'utf8')).toBe('mine');
    const names = [{ labels: ['a', 'a'] }, { teacher: student, labels: ['a', 'b'] }];
    const logits = writeRows(
      folder.path('two logits.jsonl'),
      all.slice(0, 20).map((text) => ({ text, logits: [1, 2] })),
    );
    for (const more of names)
      await expect(
        distill({ task: 'classify', student, input: [logits], output: failed, ...LEARNS, ...more }),
      ).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('targets', () => {
  it('are turned to where the vectors of the student lie', async () => {
    const first = await run({ epochs: 6 });
    const events: string[] = [];
    // The same teacher in other axes.
    const other = writeVectors(
      folder.path('turned.npy'),
      all.map((text) =>
        teacherVector(text)
          .reverse()
          .map((value, i) => (i % 2 === 0 ? value : -value)),
      ),
    );
    const options = { student: first.output, teacherVectors: [other], maxSteps: 3 };
    const turned = await run({ ...options, onEvent: (kind, message) => events.push(`${kind}: ${message}`) });
    expect(events).toContainEqual(
      expect.stringMatching(
        /^data: targets turned to where the student's vectors lie: cosine -?0\.[01]\d+ -> 0\.[3-9]\d+$/,
      ),
    );
    expect(turned.start!['cosine']).toBeGreaterThan(first.end!['cosine'] - 0.15);
    const kept = await run({ ...options, turn: false });
    expect(kept.start!['cosine']).toBeLessThan(0.2);
    // Similarities are what they were.
    expect(Math.abs(kept.start!['spearman'] - turned.start!['spearman'])).toBeLessThan(1e-9);
  });
});

describe('distillation of a classifier', () => {
  it('gives a student the answers of a teacher, without labels', async () => {
    const labelled = writeRows(folder.path('labelled.jsonl'), sentences(200, 3));
    const teacher = await fineTuneClassifier({
      model: student,
      train: labelled,
      output: folder.path('classifier'),
      epochs: 8,
      wordsBaseline: false,
      ...LEARNS,
    });
    const events: string[] = [];
    const { output, ...result } = await distill({
      task: 'classify',
      student,
      teacher: teacher.output,
      input: [texts],
      output: folder.path('distilled'),
      epochs: 8,
      ...LEARNS,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(result).toMatchObject({
      task: 'classify',
      trainRows: 270,
      evaluationRows: 30,
      best: { metric: 'divergence' },
    });
    expect(result.end!['agreement']).toBeGreaterThan(0.85);
    expect(events).toContain("data: the teacher's answers: 300 computed, 0 already there");
    using classifier = await TextClassifier.load(output, { threads: 1 });
    expect(classifier.labels).toEqual(['bad', 'good']);
    expect((await classifier.predict(['the film was great'])).map(({ label }) => label)).toEqual(['good']);
    expect((await readRun(output)).info.config).toMatchObject({
      objective: 'classify',
      temperature: 2,
      hardWeight: 0,
      problem: 'singleLabel',
      labels: ['bad', 'good'],
    });
  });

  it('learns from logits in a file, with labels by people where there are some, for every kind of answer', async () => {
    const data = sentences(120, 5);
    const rows = (of: (label: string, i: number) => object): string =>
      writeRows(
        folder.path(`logits ${runs++}.jsonl`),
        data.map(({ text, label }, i) => ({ text, ...of(label, i) })),
      );
    const options = { task: 'classify', student, epochs: 8, ...LEARNS } as const;
    const single = await distill({
      ...options,
      input: [rows((label, i) => ({ logits: label === 'good' ? [-2, 2] : [2, -2], ...(i % 2 === 0 && { label }) }))],
      labels: ['bad', 'good'],
      labelField: 'label',
      output: folder.path('single'),
    });
    expect(single.end!['agreement']).toBeGreaterThan(0.8);
    expect(single.end!['accuracy']).toBeGreaterThan(0.8);
    const several = await distill({
      ...options,
      problem: 'multiLabel',
      input: [
        rows((label, i) => ({
          logits: label === 'good' ? [3, -3, -1] : [-3, 3, -1],
          people: i % 3 === 0 ? [label] : null,
        })),
      ],
      labels: ['good', 'bad', 'other'],
      labelField: 'people',
      output: folder.path('several'),
    });
    expect(several.end!['agreement']).toBeGreaterThan(0.8);
    const number = await distill({
      ...options,
      epochs: 20,
      input: [rows((label) => ({ value: label === 'good' ? 1 : -1 }))],
      logitsField: 'value',
      output: folder.path('number'),
    });
    expect(number).toMatchObject({ best: { metric: 'mse' } });
    expect(number.end!['mse']).toBeLessThan(0.6);
  });
});

describe('what cannot be distilled', () => {
  const wrong = async (more: Partial<DistillOptions>, code: string, message: RegExp): Promise<void> => {
    await expect(run({ maxSteps: 1, ...more })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  };

  it('is refused with the row and what to do', async () => {
    const fewer = writeVectors(
      folder.path('fewer.npy'),
      all.slice(1).map((text) => teacherVector(text)),
    );
    await wrong(
      { teacherVectors: [fewer] },
      'invalid_data',
      /fewer\.npy: 299 vectors for 300 texts of .*texts\.txt.*same order; a blank line/,
    );
    await wrong(
      { teacherVectors: [vectors, writeVectors(folder.path('width.npy'), [teacherVector('a', 7)])] },
      'shape_mismatch',
      /vectors\.npy has vectors of 48 numbers, .*width\.npy of 7/,
    );
    const broken = (name: string, change: (vector: Float32Array) => void): string =>
      writeVectors(
        folder.path(name),
        all.map((text, i) => {
          const vector = teacherVector(text);
          if (i === 123) change(vector);
          return vector;
        }),
      );
    await wrong(
      {
        teacherVectors: [
          broken('nan.npy', (vector) => {
            vector[4] = NaN;
          }),
        ],
      },
      'invalid_data',
      /nan\.npy: row 124 \(123 in Python\) has NaN at place 5/,
    );
    await wrong(
      { teacherVectors: [broken('zero.npy', (vector) => vector.fill(0))] },
      'invalid_data',
      /row 124 .* is all zeros and has no direction/,
    );
    const rows = (...more: object[]): string[] => [
      writeRows(folder.path(`rows ${runs++}.jsonl`), [{ text: 'good', embedding: [1, 2] }, ...more]),
    ];
    const field = { teacherVectors: undefined };
    await wrong(
      { ...field, input: rows({ text: 'bad', embedding: [1] }) },
      'invalid_data',
      /row 2: field "embedding" has 1 numbers, that of the first row 2/,
    );
    await wrong(
      { ...field, input: rows({ text: 'bad', embedding: [1, null] }) },
      'invalid_data',
      /row 2: field "embedding" must be a list of numbers, and number 2 is null/,
    );
    await wrong(
      { ...field, input: rows({ text: 'bad' }) },
      'invalid_data',
      /row 2: no field "embedding"; the fields present are "text"/,
    );
    await wrong({ ...field, input: rows({ embedding: [1, 2] }) }, 'invalid_data', /row 2: no field "text"/);
    await wrong(
      { ...field },
      'invalid_argument',
      /texts\.txt has texts and nothing else: there is no field embedding.*Give a \.jsonl or \.parquet file that has it, or teacher or teacherVectors/,
    );
    await wrong({ heldOut: 300 }, 'invalid_argument', /heldOut 300 leaves nothing to learn from/);
    const skipped = await run({
      ...field,
      input: rows(...all.map((text) => ({ text, embedding: Array.from(teacherVector(text, 2)) })), {
        text: 'bad',
        embedding: 'no',
      }),
      onError: 'skip',
      maxSteps: 1,
    });
    expect(skipped.trainRows + skipped.evaluationRows).toBeLessThanOrEqual(301);
    const logits = (...more: object[]): Partial<DistillOptions> => ({
      task: 'classify',
      teacherVectors: undefined,
      input: [
        writeRows(folder.path(`rows ${runs++}.jsonl`), [
          { text: 'good', logits: [1, 2] },
          { text: 'bad', logits: [2, 1] },
          ...more,
        ]),
      ],
    });
    await wrong(
      logits({ text: 'bad', logits: [1, 2, 3] }),
      'invalid_data',
      /row 3: field "logits" has 3 numbers, that of the first row 2/,
    );
    await wrong(
      logits({ text: 'bad', logits: 'high' }),
      'invalid_data',
      /row 3: field "logits" must be a list of numbers, one a label, got "high"/,
    );
    await wrong(
      { ...logits({ text: 'bad', logits: [1, 2], label: 'neither' }), labelField: 'label' },
      'invalid_data',
      /row 3: the label "neither" is none of the teacher's/,
    );
    await wrong(
      { ...logits(), labels: ['a', 'b', 'c'] },
      'invalid_argument',
      /labels names 3, and the teacher gives 2 logits/,
    );
  });

  it('is refused where options do not go together', async () => {
    await wrong({ teacher: student }, 'invalid_argument', /teacher computes vectors, and teacherVectors has them/);
    await wrong(
      { task: 'classify' },
      'invalid_argument',
      /teacherVectors is for the task embedding or tokens, this one is classify/,
    );
    await wrong(
      { hardWeight: 0.5 },
      'invalid_argument',
      /hardWeight is for the task masked or classify, this one is embedding/,
    );
    await wrong({ onError: 'skip' }, 'invalid_argument', /onError 'skip' would leave out texts but not their vectors/);
    await wrong({ tokenizer: student }, 'invalid_argument', /tokenizer is for a new network/);
    await wrong(
      { student: 'nano', wordEmbeddings: 'teacher' },
      'invalid_argument',
      /wordEmbeddings 'teacher' needs a teacher with the same vocabulary/,
    );
    await wrong({ metric: 'accuracy' }, 'invalid_argument', /metric must be one of cosine, spearman/);
    await wrong({ model: student } as never, 'invalid_argument', /distill has no option "model".*learns is student/);
    await wrong({ input: ['-'] }, 'invalid_argument', /input is read twice/);
    await wrong({ input: [] }, 'invalid_argument', /input names no file/);
    await wrong(
      { task: 'classify', teacherVectors: undefined, teacher: student },
      'weights_mismatch',
      /has no classifier head/,
    );
    await wrong({ student: { preset: 'nano', depth: 3 } as never }, 'invalid_config', /unknown fields of model: depth/);
    await wrong({ resume: true, output: folder.path('nothing here') }, 'not_found', /there is no run to resume/);
  });
});
