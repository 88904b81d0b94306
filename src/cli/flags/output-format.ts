import { formatOfPath } from '../../data/read-node.ts';
import { UsageError } from '../terminal/errors.ts';

/** Formats that commands write records in. */
export type OutputFormat = 'jsonl' | 'csv' | 'tsv' | 'npy' | 'parquet';

/** The format of an output file by its extension. Throws {@link UsageError} for any but the `allowed` ones. */
export function requireOutputFormat(path: string, allowed: readonly OutputFormat[]): OutputFormat {
  const lower = path.toLowerCase();
  // A .json file may be read as JSON lines, which many are, but whoever asks for one to be written expects one JSON
  // value.
  const format = lower.endsWith('.npy') ? 'npy' : /\.(json|gz)$/.test(lower) ? undefined : formatOfPath(path);
  const found = allowed.find((name) => name === format);
  if (found === undefined) {
    const names = allowed.map((name) => `.${name}`);
    const choice = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
    throw new UsageError(
      `--output must end in ${choice}, got ${path}${lower.endsWith('.json') ? ' (records are written as JSON lines, not as one JSON value)' : ''}`,
    );
  }
  return found;
}

/** The flags with `--output -` as what it stands for: standard output. */
export function outputFile<T extends { output?: string }>(flags: T): T {
  if (flags.output !== '-') return flags;
  const rest = { ...flags };
  delete rest.output;
  return rest;
}
