import { collectExamples, exampleFields, type ExampleOptions, type ExampleSet } from './dataset.ts';
import { openRows, type ReadOptions } from './read-node.ts';

/** Options of {@link readExamples}. */
export interface ReadExampleOptions extends ExampleOptions, Omit<ReadOptions, 'fields'> {}

/** Labelled examples of a file (any format that {@link openRows} reads) or of standard input as `-`. Errors as there and in {@link collectExamples}. */
export async function readExamples(path: string, options: ReadExampleOptions = {}): Promise<ExampleSet> {
  return collectExamples(openRows(path, { ...options, fields: exampleFields(options) }), options);
}
