import { InvalidArgumentError, type Command } from 'commander';
import { parseDecimal } from '../../core/decimal.ts';
import { describeBounds, isWithin, type Bounds } from '../../core/settings.ts';
import { QUOTE_STYLES } from '../../data/csv.ts';
import { TEXT_ENCODINGS } from '../../data/lines.ts';
import { ROW_FORMATS } from '../../data/rows.ts';
import { DEVICES } from '../../runtime/devices.ts';
import { MODEL_HELP } from '../../training/run/settings.ts';

/** Parser of a whole number within bounds, for commander's options. */
export function integer({
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
}: { min?: number; max?: number } = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || value < min || value > max) {
      throw new InvalidArgumentError(
        `It must be a whole number${min > Number.MIN_SAFE_INTEGER ? ` of at least ${min}` : ''}${max < Number.MAX_SAFE_INTEGER ? ` and at most ${max}` : ''}.`,
      );
    }
    return value;
  };
}

/** Parser of a number within bounds, for commander's options. */
export function number(bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const value = parseDecimal(text);
    if (!isWithin(value, bounds)) throw new InvalidArgumentError(`It must be a number${describeBounds(bounds)}.`);
    return value;
  };
}

/** Parser of a comma-separated list without empty entries. */
export function list(text: string): string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.some((entry) => entry === '')) throw new InvalidArgumentError('It must be a list separated by commas.');
  return entries;
}

/** Parser of `static` or a list of depths such as `-1,-2`. */
export function layers(text: string): number[] | 'static' {
  return text === 'static' ? 'static' : list(text).map(integer());
}

/**
 * Parser of one of several words. Unlike commander's own choices it leaves the list out of the help, which says more
 * about each.
 */
export function oneOf<T extends string>(...allowed: readonly T[]): (text: string) => T {
  return (text) => {
    if (!allowed.includes(text as T)) throw new InvalidArgumentError(`Choose one of ${allowed.join(', ')}.`);
    return text as T;
  };
}

/** The option that every verb using a model has. */
export function addModelOption(command: Command, usual = 'the built-in model'): Command {
  return command.option('-m, --model <model>', `${MODEL_HELP}. Default: ${usual}`);
}

/** The options for reading texts from files. */
export function addInputOptions(command: Command): Command {
  return addFormOptions(
    command
      .option(
        '-i, --input <file>',
        'file of texts: .txt (a text a line), .jsonl, .csv, .tsv or .parquet; text formats may be gzipped',
      )
      .option('--text-field <name>', 'field or column that holds the text. Default: "text", or the only one there is')
      .option(
        '--format <format>',
        'format of the input where the extension does not tell it, and of standard input: txt, jsonl, csv, tsv, parquet. Default for standard input: txt',
        oneOf(...ROW_FORMATS),
      ),
  ).option(
    '--on-error <action>',
    'what to do with a row that cannot be used (no such field, not JSON, not a text): "stop" or "skip". Skipped rows are counted and listed. Default: stop',
    oneOf('stop', 'skip'),
  );
}

/** How text files and tables are read. */
export function addFormOptions(command: Command): Command {
  return command
    .option(
      '--encoding <name>',
      `encoding of text files, never guessed: ${TEXT_ENCODINGS.join(', ')}. Default: utf-8`,
      oneOf(...TEXT_ENCODINGS),
    )
    .option('--delimiter <character>', 'CSV and TSV: what separates columns. Default: comma or tab')
    .option(
      '--quotes <style>',
      `CSV and TSV: ${QUOTE_STYLES.join(', ')}. Default: rfc4180 for CSV, auto for TSV`,
      oneOf(...QUOTE_STYLES),
    )
    .option('--no-header', 'CSV and TSV: the first line is a record; columns are called 0, 1, 2 ...');
}

/** `--device`, of commands that ask models. */
export const addDeviceOption = (command: Command): Command =>
  command.option(
    '--device <name>',
    'where networks compute: cpu, or a graphics processor by webgpu, cuda, coreml or dml, as far as ONNX Runtime has them here (f32 weights only; see docs/webgpu.md). Default: cpu',
    oneOf(...DEVICES),
  );

/** `--threads` and `--device`. */
export const addComputeOptions = (command: Command): Command =>
  addDeviceOption(
    command.option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 })),
  );
