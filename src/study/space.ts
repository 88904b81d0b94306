import { AlbertineError, describeValue } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';

/** A value that a parameter takes in a trial. */
export type ParameterValue = string | number | boolean;

/** The values of a trial by the names of its parameters; parameters whose condition does not hold are absent. */
export type TrialValues = Readonly<Record<string, ParameterValue>>;

/** Where the parameter is searched at all: the values that others have. */
export type Condition = Readonly<Record<string, readonly ParameterValue[]>>;

/** A number between bounds, both included. */
export interface NumberParameter {
  /** `int`: whole numbers. */
  kind: 'float' | 'int';
  /** The least value. */
  low: number;
  /** The greatest value. */
  high: number;
  /** Searched on a logarithmic scale. Default false. */
  log?: boolean;
  /** Distance of neighbouring values, from `low` on. Default: 1 of `int`, any number of `float`. */
  step?: number;
  /** Where it is searched. Default: always. */
  when?: Condition;
}

/** One of several values without an order. */
export interface ChoiceParameter {
  /** Tells it from a number. */
  kind: 'choice';
  /** The values, at least two. */
  choices: readonly ParameterValue[];
  /** Where it is searched. Default: always. */
  when?: Condition;
}

/** What a parameter of a search may be. */
export type Parameter = NumberParameter | ChoiceParameter;

/** What is searched: parameters by name. */
export type Space = Readonly<Record<string, Parameter>>;

/** How a range is written, for messages and manuals. */
export const RANGE_FORMS = 'lo:hi, lo:hi:step, log:lo:hi, int:lo:hi, int:log:lo:hi, or choices a,b,c';

/**
 * Reads a range as it stands in a flag: `1e-5:1e-3`, `0:0.5:0.1` with a step, `log:1e-5:1e-3`, `int:8:64`,
 * `int:log:8:64`, or choices `a,b,c`. Choices that are numbers, `true` or `false` become such. Throws
 * `invalid_argument` for anything else.
 */
export function parseRange(text: string, name = 'range'): Parameter {
  const parts = text.split(':').map((part) => part.trim());
  const words = parts.filter((part) => part === 'log' || part === 'int');
  const numbers = parts.slice(words.length);
  if (parts.length === 1) return parseChoices(text, name);
  const values = numbers.map((part) => (part === '' ? NaN : Number(part)));
  if (
    new Set(words).size < words.length ||
    numbers.some((part) => part === 'log' || part === 'int') ||
    !values.every(Number.isFinite)
  )
    throw wrongRange(name, text);
  const [low, high, step, ...more] = values;
  if (high === undefined || more.length > 0) throw wrongRange(name, text);
  const parameter: NumberParameter = {
    kind: words.includes('int') ? 'int' : 'float',
    low,
    high,
    ...(words.includes('log') && { log: true }),
    ...(step !== undefined && { step }),
  };
  requireParameter(name, parameter);
  return parameter;
}

function parseChoices(text: string, name: string): ChoiceParameter {
  const choices = text.split(',').map((part) => valueOf(part.trim()));
  if (choices.includes('')) throw wrongRange(name, text);
  const parameter: ChoiceParameter = { kind: 'choice', choices };
  requireParameter(name, parameter);
  return parameter;
}

/** A value as it stands in a flag: a number, `true`, `false`, or the text. */
export function valueOf(text: string): ParameterValue {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function wrongRange(name: string, text: unknown): AlbertineError {
  return new AlbertineError('invalid_argument', `the range of ${name} cannot be read: ${describeValue(text)}`, {
    value: text,
    hint: `Write ${RANGE_FORMS}`,
  });
}

/** Reads a space as JSON has it: by name a range as a text, or an object with `range` or `choices`, and `when`. */
export function parseSpace(json: unknown): Space {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new AlbertineError('invalid_argument', `a space must be a JSON object, got ${describeValue(json)}`, {
      value: json,
      hint: 'Such as {"learning-rate": "log:1e-5:1e-3"}',
    });
  const space: Record<string, Parameter> = {};
  for (const [name, entry] of Object.entries(json as Record<string, unknown>)) space[name] = parseEntry(name, entry);
  return space;
}

const ENTRY_KEYS = ['range', 'choices', 'when'];

function parseEntry(name: string, entry: unknown): Parameter {
  if (typeof entry === 'string') return parseRange(entry, name);
  if (Array.isArray(entry)) return parseEntry(name, { choices: entry });
  if (typeof entry !== 'object' || entry === null) throw wrongRange(name, entry);
  const fields = entry as Record<string, unknown>;
  const unknown = Object.keys(fields).find((key) => !ENTRY_KEYS.includes(key));
  if (unknown !== undefined)
    throw new AlbertineError('invalid_argument', `${name} in the space has no ${describeValue(unknown)}`, {
      value: unknown,
      hint: `There are ${ENTRY_KEYS.join(', ')}`,
    });
  const { range, choices, when } = fields;
  if ((range === undefined) === (choices === undefined))
    throw new AlbertineError('invalid_argument', `${name} in the space needs either "range" or "choices"`, {
      value: entry,
    });
  if (range !== undefined && typeof range !== 'string') throw wrongRange(name, range);
  const parameter: Parameter =
    range === undefined ? { kind: 'choice', choices: choices as ParameterValue[] } : parseRange(range, name);
  requireParameter(name, parameter);
  return when === undefined ? parameter : { ...parameter, when: parseCondition(name, when) };
}

function parseCondition(name: string, when: unknown): Condition {
  if (typeof when !== 'object' || when === null || Array.isArray(when) || Object.keys(when).length === 0)
    throw new AlbertineError('invalid_argument', `"when" of ${name} must be an object, got ${describeValue(when)}`, {
      value: when,
      hint: 'Such as {"optimizer": "sgd"}, or {"optimizer": ["adamw", "lamb"]}',
    });
  return Object.fromEntries(
    Object.entries(when).map(([other, values]) => [other, Array.isArray(values) ? values : [values]]),
  ) as Condition;
}

function requireParameter(name: string, parameter: Parameter): void {
  const wrong = (message: string, hint?: string): AlbertineError =>
    new AlbertineError('invalid_argument', `${name} in the space: ${message}`, { value: parameter, hint });
  if (parameter.kind === 'choice') {
    const { choices } = parameter;
    if (!Array.isArray(choices) || !choices.every((choice) => ['string', 'number', 'boolean'].includes(typeof choice)))
      throw wrong(`choices must be texts, numbers, true or false, got ${describeValue(choices)}`);
    if (choices.length < 2) throw wrong('a single value is nothing to search', `Give it as --${name} instead`);
    if (new Set(choices).size < choices.length) throw wrong('a choice stands twice');
    return;
  }
  const { kind, low, high, log = false, step } = parameter;
  if (!(low < high)) throw wrong(`${low} must be below ${high}`);
  if (log && !(low > 0)) throw wrong(`a logarithmic range must begin above 0, not at ${low}`);
  if (kind === 'int' && ![low, high, step ?? 1].every(Number.isInteger))
    throw wrong('int takes whole numbers as bounds and step');
  if (step === undefined) return;
  if (!(step > 0) || step > high - low) throw wrong(`the step must be above 0 and within the range, got ${step}`);
  if (log) throw wrong('a logarithmic range has no step');
  const steps = (high - low) / step;
  if (Math.abs(steps - Math.round(steps)) > 1e-8)
    throw wrong(`${high} is not a whole number of steps of ${step} from ${low}`);
}

/**
 * Throws `invalid_argument` for a space that nothing can be drawn from: empty, a wrong range, a condition on a
 * parameter or a value that there is not, or conditions that lead in a circle.
 */
export function requireSpace(space: Space): void {
  const names = Object.keys(space);
  if (names.length === 0)
    throw new AlbertineError('invalid_argument', 'there is nothing to search: the space is empty', {
      value: space,
      hint: 'Such as learning-rate=log:1e-5:1e-3',
    });
  for (const [name, parameter] of Object.entries(space)) {
    requireParameter(name, parameter);
    for (const [other, values] of Object.entries(parameter.when ?? {})) requireParent(space, { name, other, values });
  }
  searchOrder(space);
}

function requireParent(
  space: Space,
  { name, other, values }: { name: string; other: string; values: readonly ParameterValue[] },
): void {
  if (!Object.hasOwn(space, other)) {
    const nearest = nearestName(other, Object.keys(space));
    throw new AlbertineError('invalid_argument', `${name} depends on ${other}, which is not searched`, {
      value: other,
      hint: nearest === undefined ? `There are ${Object.keys(space).join(', ')}` : `Did you mean ${nearest}?`,
    });
  }
  const parent = space[other];
  const wrong = values.find((value) => !isWithinParameter(parent, value));
  if (wrong !== undefined)
    throw new AlbertineError(
      'invalid_argument',
      `${name} depends on ${other} being ${describeValue(wrong)}, which it never is`,
      {
        value: wrong,
        ...(parent.kind === 'choice' && { hint: `It is one of ${parent.choices.join(', ')}` }),
      },
    );
}

/** Whether a parameter can have a value. */
export function isWithinParameter(parameter: Parameter, value: unknown): boolean {
  if (parameter.kind === 'choice') return parameter.choices.includes(value as ParameterValue);
  const { kind, low, high } = parameter;
  return typeof value === 'number' && value >= low && value <= high && (kind === 'float' || Number.isInteger(value));
}

/** The names in an order in which every parameter comes after those that it depends on; else as the space has them. */
export function searchOrder(space: Space): string[] {
  const depths = new Map<string, number>();
  const depthOf = (name: string, path: readonly string[]): number => {
    if (path.includes(name))
      throw new AlbertineError('invalid_argument', `conditions lead in a circle: ${[...path, name].join(' -> ')}`, {
        value: name,
      });
    const known = depths.get(name);
    if (known !== undefined) return known;
    const parents = Object.keys(space[name].when ?? {});
    const depth = parents.length === 0 ? 0 : 1 + Math.max(...parents.map((parent) => depthOf(parent, [...path, name])));
    depths.set(name, depth);
    return depth;
  };
  const names = Object.keys(space);
  for (const name of names) depthOf(name, []);
  return names.sort((a, b) => depths.get(a)! - depths.get(b)!);
}

/** Whether a parameter is searched beside these values of those that it depends on. */
export function isActive({ when = {} }: Parameter, values: TrialValues): boolean {
  return Object.entries(when).every(([name, allowed]) => Object.hasOwn(values, name) && allowed.includes(values[name]));
}

/** Parameters that are always searched together: those with the same condition, in the order of the search. */
export function jointGroups(space: Space): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of searchOrder(space)) {
    const key = JSON.stringify(space[name].when ?? {});
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()];
}

/** All values of a discrete parameter; undefined where it is continuous. */
export function discreteValues(parameter: Parameter): readonly ParameterValue[] | undefined {
  if (parameter.kind === 'choice') return parameter.choices;
  const step = stepOf(parameter);
  if (step === undefined) return undefined;
  const count = Math.round((parameter.high - parameter.low) / step) + 1;
  return Array.from({ length: count }, (_, i) => snapped(parameter, parameter.low + i * step));
}

/** Distance of the values of a number; undefined where it has any. */
export function stepOf({ kind, step }: NumberParameter): number | undefined {
  return step ?? (kind === 'int' ? 1 : undefined);
}

/** The nearest value that a number may have. */
export function snapped(parameter: NumberParameter, value: number): number {
  const { low, high } = parameter;
  const step = stepOf(parameter);
  if (step === undefined) return Math.min(high, Math.max(low, value));
  const near = low + Math.round((value - low) / step) * step;
  // Such as 0.1 + 2 * 0.1: the digits that were meant.
  return Math.min(high, Math.max(low, Number(near.toPrecision(12))));
}

/** Bounds of a number on the scale on which it is searched, half a step beyond those of a discrete one. */
export function scaledBounds(parameter: NumberParameter): { low: number; high: number } {
  const half = (stepOf(parameter) ?? 0) / 2;
  const [low, high] = [parameter.low - half, parameter.high + half];
  return parameter.log ? { low: Math.log(low), high: Math.log(high) } : { low, high };
}
