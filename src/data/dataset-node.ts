import { collectExamples, exampleFields, type ExampleOptions, type ExampleSet } from './dataset.ts';
import { optionsOf, requireOptions, type OptionKinds } from '../core/options.ts';
import { openRows, READ_OPTIONS, type ReadOptions } from './read-node.ts';

/** Options of {@link readExamples}. */
export interface ReadExampleOptions extends ExampleOptions, Omit<ReadOptions, 'fields'> {}

const EXAMPLE_OPTIONS: OptionKinds<ReadExampleOptions> = {
  ...READ_OPTIONS,
  textField: 'string',
  pairField: 'string',
  labelField: 'string',
  problem: 'string',
  labelSeparator: 'string',
  labels: 'list',
};

/**
 * Labelled examples of a file (any format that {@link openRows} reads) or of standard input as `-`. Errors as there and
 * in {@link collectExamples}.
 */
export async function readExamples(path: string, options: ReadExampleOptions = {}): Promise<ExampleSet> {
  requireOptions('readExamples', options, EXAMPLE_OPTIONS);
  return collectExamples(
    openRows(path, { ...optionsOf<ReadOptions>(options, READ_OPTIONS), fields: exampleFields(options) }),
    options,
  );
}
