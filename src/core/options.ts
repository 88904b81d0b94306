import { AlbertineError, describeValue } from './errors.ts';
import { nearestName } from './nearest.ts';
import { option, prose } from './prose.ts';

/** What an option must be; `any` where more than one kind is right, or where its own code checks it. */
export type OptionKind = 'string' | 'number' | 'boolean' | 'function' | 'object' | 'list' | 'any';

/** Every option of an interface with its kind: a new one is missed by the compiler, not by users. */
export type OptionKinds<T> = Readonly<Record<keyof T & string, OptionKind>>;

/**
 * Throws `invalid_argument` for options that are no object, for a name that there is none of (naming the nearest that
 * there is), and for a value of another kind. Names whose value is undefined pass. `subject` is the function or class
 * that takes them. Ranges are checked where they are used.
 */
export function requireOptions<T extends object>(subject: string, options: T, kinds: OptionKinds<T>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new AlbertineError(
      'invalid_argument',
      `the options of ${subject} must be an object, got ${describeValue(options)}`,
      { value: options, hint: 'Such as { name: value }' },
    );
  }
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof typeof kinds] : undefined;
    if (kind === undefined) throw unknownOption(subject, name, kinds);
    if (kind !== 'any' && kindOf(value) !== kind) {
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(name)} of ${subject} must be ${kind === 'object' ? 'an' : 'a'} ${kind}, got ${describeValue(value)}`,
        { value, option: name },
      );
    }
  }
}

/** Throws `invalid_argument` naming the first of `names` that was not given. */
export function requireGiven<T extends object>(
  subject: string,
  options: T,
  names: readonly (keyof T & string)[],
): void {
  const missing = names.find((name) => options[name] === undefined);
  if (missing !== undefined)
    throw new AlbertineError(
      'invalid_argument',
      `${subject} needs the option ${JSON.stringify(missing)}, which is missing`,
      { value: options, option: missing },
    );
}

function unknownOption(subject: string, name: string, kinds: object): AlbertineError {
  const names = Object.keys(kinds);
  const nearest = nearestName(name, names);
  return new AlbertineError('invalid_argument', `${subject} has no option ${describeValue(name)}`, {
    value: name,
    option: name,
    hint:
      nearest === undefined
        ? `There are ${names.map((other) => JSON.stringify(other)).join(', ')}`
        : `Did you mean ${JSON.stringify(nearest)}?`,
  });
}

function kindOf(value: unknown): OptionKind | undefined {
  if (Array.isArray(value)) return 'list';
  const type = typeof value;
  return type === 'string' ||
    type === 'number' ||
    type === 'boolean' ||
    type === 'function' ||
    (type === 'object' && value !== null)
    ? type
    : undefined;
}

/** Throws `invalid_argument` unless `texts` is a list of strings; `subject` is the function that takes them. */
export function requireTexts(subject: string, texts: unknown): asserts texts is readonly string[] {
  if (typeof texts === 'string') throw oneText(subject, texts);
  if (!Array.isArray(texts))
    throw new AlbertineError('invalid_argument', `${subject} takes a list of texts, got ${describeValue(texts)}`, {
      value: texts,
      hint: `Such as ${subject}(['a text', 'another'])`,
    });
  for (const [index, text] of texts.entries()) requireText(subject, text, index);
}

/** The same for one text of a stream or a list. */
export function requireText(subject: string, text: unknown, index: number): asserts text is string {
  if (typeof text !== 'string')
    throw new AlbertineError(
      'invalid_argument',
      `text ${index} of ${subject} must be a string, got ${describeValue(text)}`,
      { value: text },
    );
}

/**
 * Throws `invalid_argument` for a single text where a source of texts is wanted: its letters would be taken for texts.
 */
export function requireSource(subject: string, source: unknown): void {
  if (typeof source === 'string') throw oneText(subject, source);
  const iterable =
    typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
  if (!iterable)
    throw new AlbertineError(
      'invalid_argument',
      `${subject} takes an iterable of texts, got ${describeValue(source)}`,
      { value: source },
    );
}

function oneText(subject: string, text: string): AlbertineError {
  return new AlbertineError(
    'invalid_argument',
    `${subject} takes a list of texts, got the one text ${describeValue(text)}`,
    { value: text, hint: `Put it into a list: ${subject}([text])` },
  );
}

/** The options that `kinds` has, out of those of a function that takes more. */
export function optionsOf<T extends object>(options: T, kinds: OptionKinds<T>): T {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(kinds, name))) as T;
}
