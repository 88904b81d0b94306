import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32c, maskedCrc32c } from '../../../src/checkpoint/crc32.ts';
import { summarizeHistogram } from '../../../src/training/trackers/histogram.ts';
import { createJsonlTracker } from '../../../src/training/trackers/jsonl.ts';
import { createTensorBoardTracker } from '../../../src/training/trackers/tensorboard.ts';
import { combineTrackers, type Tracker } from '../../../src/training/trackers/tracker.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'albertine-trackers-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('JSONL tracker', () => {
  it('writes one object a line', async () => {
    const path = join(folder, 'run/metrics.jsonl');
    const tracker = createJsonlTracker(path);
    tracker.hyperParameters({ learningRate: 2e-5, optimizer: 'lamb', shuffle: true }, ['loss']);
    tracker.scalars(1, { loss: 0.5, gradNorm: NaN });
    tracker.scalars(1, { 'evaluation/accuracy': 0.9, 'evaluation/macroF1': 0.8 });
    tracker.text('skipped', 2, 'gradient is not finite');
    tracker.histogram('gradients', 2, [1, 2, 3, NaN]);
    expect(lines(path)).toEqual([
      { hyperParameters: { learningRate: 2e-5, optimizer: 'lamb', shuffle: true }, metrics: ['loss'] },
      { step: 1, loss: 0.5, gradNorm: null },
      { step: 1, evaluation: { accuracy: 0.9, macroF1: 0.8 } },
      { step: 2, event: 'skipped', message: 'gradient is not finite' },
      {
        step: 2,
        histogram: {
          tag: 'gradients',
          count: 3,
          nonFinite: 1,
          min: 1,
          max: 3,
          mean: 2,
          deviation: expect.closeTo(Math.sqrt(2 / 3), 12) as number,
        },
      },
    ]);
    await tracker.close();
    expect(() => tracker.scalars(3, {})).toThrow(/closed/);
  });

  it('on resume removes later lines and a broken last one, and keeps what a roll-back left', async () => {
    const path = join(folder, 'metrics.jsonl');
    const kept = [
      '{"hyperParameters":{}}',
      '{"step":1,"loss":3}',
      '{"step":2,"loss":9}',
      '{"step":2,"event":"rolled back","message":"to step 0"}',
      '{"step":1,"loss":2}',
    ];
    // Longer than one read, so that lines cross chunk borders; multi-byte text must survive.
    const long = `{"step":1,"event":"note","message":"${'训练é'.repeat(30_000)}"}`;
    writeFileSync(
      path,
      `${[...kept, long, '{"step":2,"loss":1.5}', '{"step":3,"event":"note","message":"later"}'].join('\n')}\n{"step":4,"lo`,
    );
    const tracker = createJsonlTracker(path, { resumeStep: 1 });
    tracker.scalars(2, { loss: 1.25 });
    await tracker.close();
    expect(readFileSync(path, 'utf8')).toBe(`${[...kept, long, '{"step":2,"loss":1.25}'].join('\n')}\n`);
  });

  it('resumes where there is no file yet, and starts anew without resumeStep', async () => {
    const path = join(folder, 'metrics.jsonl');
    const resumed = createJsonlTracker(path, { resumeStep: 5 });
    resumed.scalars(6, { loss: 1 });
    await resumed.close();
    expect(lines(path)).toHaveLength(1);
    await createJsonlTracker(path).close();
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('loses no line when the process is killed', async () => {
    const path = join(folder, 'metrics.jsonl');
    const source = pathToFileURL(resolve(import.meta.dirname, '../../../src/training/trackers/jsonl.ts')).href;
    const script = join(folder, 'writer.mts');
    writeFileSync(
      script,
      `import { createJsonlTracker } from '${source}';
const tracker = createJsonlTracker(${JSON.stringify(path)});
for (let step = 1; step <= 500; step++) tracker.scalars(step, { loss: 1 / step });
process.stdout.write('written');
setInterval(() => {}, 1000);`,
    );
    const tsx = pathToFileURL(resolve(import.meta.dirname, '../../../node_modules/tsx/dist/loader.mjs')).href;
    const child = spawn(process.execPath, ['--import', tsx, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((done) => child.stdout.once('data', () => done()));
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(lines(path).map(({ step }) => step)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  });
});

describe('checksums', () => {
  it('match RFC 3720, appendix B.4, and the check value of the CRC catalogue', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });

  it('are masked as LevelDB and TensorFlow do', () => {
    // Unmasking must give the checksum back: subtract the constant, rotate left by 15.
    const bytes = new TextEncoder().encode('albert');
    const rotated = (maskedCrc32c(bytes) - 0xa282ead8) >>> 0;
    expect(((rotated << 15) | (rotated >>> 17)) >>> 0).toBe(crc32c(bytes));
  });
});

function writeSample(tracker: Tracker): void {
  tracker.hyperParameters({ learningRate: 2e-5, optimizer: 'adamw', shuffle: false, name: '小模型' }, [
    'evaluation/accuracy',
    'loss',
  ]);
  for (let step = 1; step <= 3; step++) tracker.scalars(step, { loss: 1 / step, learningRate: step * 1e-5 });
  tracker.scalars(3, { 'evaluation/accuracy': 0.75, 'evaluation/loss': NaN });
  tracker.text('notes', 3, 'gradient **not** finite, 跳过');
  tracker.histogram(
    'gradients/pooler',
    3,
    Float32Array.from({ length: 100 }, (_, i) => (i - 50) / 10),
  );
  tracker.scalars(2 ** 40, { loss: -0.5 });
}

/** A second decoder, written against the format and not with the writer's helpers. */
function decode(bytes: Buffer): Map<number, unknown[]> {
  const found = new Map<number, unknown[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: unknown;
    if ((tag & 7) === 0) value = Number(varint());
    else if ((tag & 7) === 1) {
      value = bytes.readDoubleLE(at);
      at += 8;
    } else if ((tag & 7) === 5) {
      value = bytes.readFloatLE(at);
      at += 4;
    } else {
      const length = Number(varint());
      value = bytes.subarray(at, at + length);
      at += length;
    }
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), value]);
  }
  return found;
}

function readRecords(path: string): Map<number, unknown[]>[] {
  const bytes = readFileSync(path);
  const events: Map<number, unknown[]>[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    const body = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(body));
    events.push(decode(body));
    at += 16 + length;
  }
  return events;
}

const eventFiles = (path: string) =>
  readdirSync(path)
    .filter((name) => name.includes('tfevents'))
    .map((name) => join(path, name));
const python = spawnSync('python3', ['--version']).status === 0;

describe('TensorBoard tracker', () => {
  it('writes records that a second decoder reads', async () => {
    const tracker = createTensorBoardTracker(folder, { now: () => 1_700_000_000_500 });
    writeSample(tracker);
    const [path] = eventFiles(folder);
    expect(path).toMatch(/events\.out\.tfevents\.1700000000\./);
    const events = readRecords(path);
    expect(events[0].get(1)).toEqual([1_700_000_000.5]);
    expect(String(events[0].get(3)?.[0])).toBe('brain.Event:2');
    const scalars = events
      .flatMap((event) =>
        (event.get(5) ?? []).flatMap((summary) =>
          (decode(summary as Buffer).get(1) ?? []).map((value) => {
            const fields = decode(value as Buffer);
            return [event.get(2)?.[0], String(fields.get(1)?.[0]), fields.get(2)?.[0]];
          }),
        ),
      )
      .filter(([, , value]) => value !== undefined);
    expect(scalars).toEqual([
      [1, 'train/loss', 1],
      [1, 'train/learningRate', Math.fround(1e-5)],
      [2, 'train/loss', 0.5],
      [2, 'train/learningRate', Math.fround(2e-5)],
      [3, 'train/loss', Math.fround(1 / 3)],
      [3, 'train/learningRate', Math.fround(3e-5)],
      [3, 'evaluation/accuracy', 0.75],
      [3, 'evaluation/loss', NaN],
      [2 ** 40, 'train/loss', -0.5],
    ]);
    await tracker.close();
    await tracker.close();
    expect(() => tracker.scalars(1, {})).toThrow(/closed/);
  });

  it.skipIf(!python)(
    'writes files that an independent Python reader understands (skipped without python3)',
    async () => {
      const tracker = createTensorBoardTracker(folder, { resumeStep: 2 });
      writeSample(tracker);
      await tracker.close('interrupted');
      const run = spawnSync('python3', [join(import.meta.dirname, 'read_events.py'), eventFiles(folder)[0]], {
        encoding: 'utf8',
      });
      expect(run.stderr).toBe('');
      interface Value {
        tag: string;
        plugin?: string;
        simple_value?: number;
        data_class?: number;
        histo?: Record<string, number | number[]>;
        tensor?: object;
        hparams?: object;
      }
      // Python's json prints NaN, which JSON does not have.
      const events = JSON.parse(run.stdout.replace(/\bNaN\b/g, 'null')) as {
        step: number;
        file_version?: string;
        session_log?: number;
        values?: Value[];
      }[];
      const [version, session, start] = events;
      expect(version.file_version).toBe('brain.Event:2');
      expect(session).toMatchObject({ step: 3, session_log: 1 });
      expect(start.values?.map(({ tag }) => tag)).toEqual(['_hparams_/experiment', '_hparams_/session_start_info']);
      expect(start.values?.[0].hparams).toEqual({
        experiment: {
          hparam_types: { learningRate: 3, name: 1, optimizer: 1, shuffle: 2 },
          metrics: ['evaluation/accuracy', 'train/loss'],
        },
      });
      expect(start.values?.[1]).toMatchObject({
        plugin: 'hparams',
        data_class: 2,
        hparams: { session_start: { learningRate: 2e-5, name: '小模型', optimizer: 'adamw', shuffle: false } },
      });
      const values = events.flatMap((event) => event.values ?? []);
      expect(values.filter(({ tag }) => tag === 'train/loss').map((value) => value.simple_value)).toEqual([
        1,
        0.5,
        Math.fround(1 / 3),
        -0.5,
      ]);
      expect(values.find(({ tag }) => tag === 'train/notes')).toMatchObject({
        plugin: 'text',
        tensor: { dtype: 7, shape: [1], strings: ['gradient **not** finite, 跳过'] },
      });
      const histogram = values.find(({ tag }) => tag === 'gradients/pooler')?.histo;
      expect(histogram).toMatchObject({ min: -5, num: 100 });
      expect((histogram?.bucket as number[]).reduce((a, b) => a + b)).toBe(100);
      expect((histogram?.bucket_limit as number[]).at(-1)).toBe(histogram?.max);
      expect(values.at(-1)?.hparams).toEqual({ session_end: 2 });
      expect(events.at(-2)?.step).toBe(2 ** 40);
    },
  );
});

describe('histogram', () => {
  it('counts every finite value once', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 3);
    const { bucketLimits, bucketCounts, count, sum, sumOfSquares } = summarizeHistogram(values);
    expect(count).toBe(1000);
    expect(bucketCounts.reduce((a, b) => a + b)).toBe(1000);
    for (let i = 0; i < 30; i++) {
      const below = values.filter((value) => (i === 29 ? value <= bucketLimits[i] : value < bucketLimits[i])).length;
      expect(Math.abs(bucketCounts.slice(0, i + 1).reduce((a, b) => a + b) - below)).toBeLessThanOrEqual(1);
    }
    expect(sum).toBeCloseTo(
      values.reduce((a, b) => a + b, 0),
      6,
    );
    expect(sumOfSquares).toBeCloseTo(
      values.reduce((a, b) => a + b * b, 0),
      6,
    );
  });

  it('copes with constant, empty and non-finite input', () => {
    expect(summarizeHistogram([2, 2, 2])).toMatchObject({
      count: 3,
      min: 2,
      max: 2,
      bucketLimits: [2],
      bucketCounts: [3],
    });
    expect(summarizeHistogram([])).toMatchObject({ count: 0, bucketLimits: [], bucketCounts: [] });
    expect(summarizeHistogram([NaN, Infinity, 1])).toMatchObject({ count: 1, nonFinite: 2 });
  });
});

describe('combined trackers', () => {
  it('closes all even when one fails', async () => {
    const closed: string[] = [];
    const fake = (name: string, failing = false): Tracker => ({
      scalars: () => undefined,
      text: () => undefined,
      histogram: () => undefined,
      hyperParameters: () => undefined,
      close: async () => {
        closed.push(name);
        if (failing) throw new Error(`${name} failed`);
      },
    });
    await expect(combineTrackers([fake('a', true), fake('b')]).close()).rejects.toThrow('a failed');
    expect(closed).toEqual(['a', 'b']);
  });
});
