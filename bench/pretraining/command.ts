import { basename } from 'node:path';
import { Albert, AlbertineError, BUILT_IN_MODEL } from '../../src/index.ts';
import { machine } from '../inference/report.ts';

/** Runs a bench; an error that says what to do ends it with one line, any other with its stack. */
export async function runBench(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    if (!(error instanceof AlbertineError) && !isUsage) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** A whole number from a flag; undefined where it was not given. Throws `invalid_argument`. */
export function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new AlbertineError('invalid_argument', `${flag} must be a positive whole number, got ${text}`, { value: text });
}

/** A model with the name that tables show it under. */
export interface NamedModel {
  name: string;
  model: Albert;
}

/**
 * Opens models by folder or hub id; without any, the built-in one. What a user should know about them goes to standard
 * error. The caller disposes them.
 */
export async function openModels(paths: readonly string[], threads?: number): Promise<NamedModel[]> {
  const models: NamedModel[] = [];
  for (const path of paths.length === 0 ? [BUILT_IN_MODEL] : paths) {
    const model = await Albert.load(path, { ...(threads !== undefined && { threads }) });
    const name = basename(path);
    for (const note of model.notes) console.error(`${name}: ${note}`);
    models.push({ name, model });
  }
  return models;
}

/** The model that `--model` and `--threads` name; without the first the built-in one. */
export async function openModel(values: { model?: string | undefined; threads?: string | undefined }): Promise<Albert> {
  const paths = values.model === undefined ? [] : [values.model];
  const [{ model }] = await openModels(paths, wholeNumber('--threads', values.threads));
  return model;
}

/** The mean of some numbers. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A Markdown table. */
export function markdown(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** The results as JSON, or as tables with the machine they were made on. */
export function print(results: unknown, { json, tables }: { json: boolean; tables: readonly string[] }): void {
  console.log(json ? JSON.stringify(results, null, 2) : [...tables, machine()].join('\n\n'));
}
