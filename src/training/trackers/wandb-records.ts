import { ProtobufWriter, readFields } from '../../core/protobuf.ts';
import type { RunOutcome } from './tracker.ts';

/* Messages of W&B's log (wandb/proto/wandb_internal.proto of wandb 0.31), each a `Record` with one field of its kind. */

/** Names with their values as JSON. NaN and infinities stand bare, as the Python client writes them. */
export type WandbValues = Readonly<Record<string, string>>;

/** Fields of `Record`. */
const RECORD = {
  number: 1,
  history: 2,
  summary: 3,
  config: 5,
  outputRaw: 13,
  run: 17,
  exit: 18,
  final: 20,
  header: 21,
  environment: 26,
};
/** Of `RunRecord`. */
const RUN_CONFIG = 4;
/** Of `ConfigItem`, `SummaryItem` and `HistoryItem`. Names are paths of one part, as the Python client writes them. */
const KEY = 1;
const NESTED_KEY = 2;
const JSON_VALUE = 16;
/** Version of the client whose records these are; the oldest that can read them. */
const PRODUCER = '0.31.0';
const MIN_CONSUMER = '0.70.0';
const STANDARD_OUTPUT = 1;
/** Exit codes of the Python client: it gives 255 when Ctrl-C ended the script. */
export const WANDB_EXIT_CODES: Readonly<Record<RunOutcome, number>> = { finished: 0, failed: 1, interrupted: 255 };

const message = (): ProtobufWriter => new ProtobufWriter();

/** What a run is called and how it began. */
export interface WandbRunFacts {
  id: string;
  project: string;
  entity: string | undefined;
  name: string | undefined;
  /** Settings, by name. */
  config: WandbValues;
  /** Milliseconds. */
  startedAt: number;
  /** Whether it is a further part of a run. */
  resumed: boolean;
}

/** Makes records, numbered from 1. */
export class WandbRecords {
  private count = 0;

  header(): Uint8Array {
    return this.record(RECORD.header, message().message(1, message().string(1, PRODUCER).string(2, MIN_CONSUMER)));
  }

  run({ id, project, entity, name, config, startedAt, resumed }: WandbRunFacts): Uint8Array {
    const run = message().string(1, id);
    if (entity !== undefined) run.string(2, entity);
    run.string(3, project).message(RUN_CONFIG, items(1, config));
    if (name !== undefined) run.string(8, name);
    run.message(17, timestamp(startedAt));
    // Without it a client writes over the rows that the server has.
    if (resumed) run.integer(24, 1);
    return this.record(RECORD.run, run);
  }

  /** The program; nothing that tells the machine or the user. */
  environment({ startedAt, id }: WandbRunFacts): Uint8Array {
    const environment = message().message(3, timestamp(startedAt)).string(6, 'albertine').string(199, id);
    return this.record(RECORD.environment, environment);
  }

  /** Settings that are known only later. */
  config(values: WandbValues): Uint8Array {
    return this.record(RECORD.config, items(1, values));
  }

  /** The values of one step. */
  history(step: number, values: WandbValues): Uint8Array {
    return this.record(RECORD.history, items(1, values).message(2, message().integer(1, step)));
  }

  /** Values that stand for the whole run; they replace earlier ones of the same names. */
  summary(values: WandbValues): Uint8Array {
    return this.record(RECORD.summary, items(1, values));
  }

  /** A line of what the run printed. */
  output(line: string, milliseconds: number): Uint8Array {
    const output = message().integer(1, STANDARD_OUTPUT).message(2, timestamp(milliseconds)).string(3, `${line}\n`);
    return this.record(RECORD.outputRaw, output);
  }

  exit(outcome: RunOutcome, seconds: number): Uint8Array {
    return this.record(RECORD.exit, message().integer(1, WANDB_EXIT_CODES[outcome]).integer(2, Math.round(seconds)));
  }

  /** The end of the log: wandb 0.21 sends the exit code once it sees it. */
  final(): Uint8Array {
    return this.record(RECORD.final, message());
  }

  private record(field: number, content: ProtobufWriter): Uint8Array {
    return message().integer(RECORD.number, ++this.count).message(field, content).finish();
  }
}

/** Repeated `ConfigItem`, `SummaryItem` or `HistoryItem`, which are alike. */
function items(field: number, values: WandbValues): ProtobufWriter {
  const writer = message();
  for (const [name, json] of Object.entries(values))
    writer.message(field, message().string(NESTED_KEY, name).string(JSON_VALUE, json));
  return writer;
}

/** `google.protobuf.Timestamp`. */
function timestamp(milliseconds: number): ProtobufWriter {
  const seconds = Math.floor(milliseconds / 1000);
  return message()
    .integer(1, seconds)
    .integer(2, Math.round(milliseconds - 1000 * seconds) * 1_000_000);
}

/** What a record of a run that goes on says; undefined for those that do not matter then. */
export type ReadRecord =
  | { kind: 'history' | 'summary' | 'config'; values: WandbValues }
  | { kind: 'output'; line: string; milliseconds: number };

/** Reads a record, of ours or of the Python client. Throws `invalid_file` for what is no protobuf message. */
export function readRecord(record: Uint8Array): ReadRecord | undefined {
  for (const { number, bytes } of readFields(record)) {
    if (number === RECORD.history) return { kind: 'history', values: valuesOf(bytes) };
    if (number === RECORD.summary) return { kind: 'summary', values: valuesOf(bytes) };
    if (number === RECORD.config) return { kind: 'config', values: valuesOf(bytes) };
    if (number === RECORD.run) {
      const config = [...readFields(bytes)].find((field) => field.number === RUN_CONFIG);
      return { kind: 'config', values: config ? valuesOf(config.bytes) : {} };
    }
    if (number === RECORD.outputRaw) return outputOf(bytes);
  }
  return undefined;
}

const decoder = new TextDecoder();

function valuesOf(message: Uint8Array): WandbValues {
  const entries = [...readFields(message)].flatMap((item): [string, string][] => {
    if (item.number !== 1) return [];
    const parts = [...readFields(item.bytes)];
    const textsOf = (number: number): string[] =>
      parts.filter((part) => part.number === number).map((part) => decoder.decode(part.bytes));
    return [[[...textsOf(KEY), ...textsOf(NESTED_KEY)].join('.'), textsOf(JSON_VALUE)[0] ?? 'null']];
  });
  return Object.fromEntries(entries);
}

function outputOf(message: Uint8Array): ReadRecord {
  const fields = [...readFields(message)];
  const bytesOf = (number: number): Uint8Array =>
    fields.find((field) => field.number === number)?.bytes ?? new Uint8Array();
  const time = [...readFields(bytesOf(2))];
  const partOf = (number: number): number => time.find((field) => field.number === number)?.varint ?? 0;
  return {
    kind: 'output',
    line: decoder.decode(bytesOf(3)).replace(/\n$/, ''),
    milliseconds: 1000 * partOf(1) + Math.round(partOf(2) / 1_000_000),
  };
}

/** Values that are JSON already as one object. */
export const objectJson = (values: WandbValues): string =>
  `{${Object.entries(values)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`;
