import { AlbertineError, describeValue } from '../../core/errors.ts';
import { readJsonFile } from '../../core/files-node.ts';
import { formatOfPath, openRows, readTexts } from '../../data/read-node.ts';
import type { Template, TermAttribute } from './templates.ts';
import type { WeatTest, WordSet } from './weat.ts';

/**
 * Templates of a file: .txt with one a line, or rows with the field `text` and, where there are, `label` and `pair`.
 * Throws
 * `invalid_data` naming a row.
 */
export async function readTemplates(path: string): Promise<Template[]> {
  const templates: Template[] = [];
  if (formatOfPath(path) === 'txt') {
    for await (const { text } of readTexts(path)) if (text.trim() !== '') templates.push({ text });
    return templates;
  }
  for await (const { number, fields } of openRows(path)) {
    const { text, label, pair } = fields;
    if (typeof text !== 'string')
      throw new AlbertineError('invalid_data', `${path}, row ${number}: no field "text" with a template`, {
        value: number,
      });
    templates.push({
      text,
      ...(isGiven(label) && { label: String(label) }),
      ...(typeof pair === 'string' && { pair }),
    });
  }
  return templates;
}

const isGiven = (label: unknown): label is string | number =>
  (typeof label === 'string' && label !== '') || typeof label === 'number';

/** Attributes of a JSON file: `[{"name", "slot", "groups": {"group": ["term"]}}]`. Throws `invalid_data`. */
export async function readGroups(path: string): Promise<TermAttribute[]> {
  const found = await readList(path);
  return found.map((one, i) => {
    const { name, slot, groups } = one as Partial<TermAttribute>;
    const fits =
      typeof name === 'string' &&
      typeof slot === 'string' &&
      typeof groups === 'object' &&
      groups !== null &&
      Object.values(groups).every(isTexts);
    if (fits) return { name, slot, groups };
    throw new AlbertineError(
      'invalid_data',
      `${path}: entry ${i + 1} must have name, slot and groups of terms, got ${describeValue(one)}`,
      { value: one, hint: 'Such as {"name":"gender","slot":"person","groups":{"women":["she"],"men":["he"]}}' },
    );
  });
}

/** Tests of a JSON file: `[{"name", "X": {"name", "words"}, "Y", "A", "B"}]`. Throws `invalid_data`. */
export async function readWeatTests(path: string): Promise<WeatTest[]> {
  const found = await readList(path);
  return found.map((one, i) => {
    const test = one as Partial<WeatTest>;
    if (typeof test.name === 'string' && [test.X, test.Y, test.A, test.B].every(isWordSet)) return test as WeatTest;
    throw new AlbertineError(
      'invalid_data',
      `${path}: entry ${i + 1} must have name, X, Y, A and B, each of these with name and words, got ${describeValue(one)}`,
      { value: one, hint: 'albertine bias --print-lists shows tests' },
    );
  });
}

async function readList(path: string): Promise<object[]> {
  const found = await readJsonFile(path);
  const list: unknown[] = Array.isArray(found) ? found : [found];
  if (list.length > 0 && list.every((one) => typeof one === 'object' && one !== null)) return list as object[];
  throw new AlbertineError('invalid_data', `${path} must be a list of objects, got ${describeValue(found)}`, {
    value: found,
  });
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '');

const isWordSet = (value: unknown): value is WordSet =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as WordSet).name === 'string' &&
  isTexts((value as WordSet).words);
