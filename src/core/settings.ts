import { AlbertineError, requireInteger, requireOneOf, wrongOption } from './errors.ts';
import { requireOptions, type OptionKind, type OptionKinds } from './options.ts';
import { option, prose } from './prose.ts';

interface Described {
  /**
   * One line for the manual, without the default where {@link Described.default} or {@link Described.usual} says it.
   */
  help: string;
  /** The value where none is given. */
  default?: string | number | boolean;
  /** The same in words, where it depends on something. */
  usual?: string;
  /**
   * Name of its flag where that is not the option's own in another spelling; false for none: the setting is given in
   * code or JSON.
   */
  flag?: string | false;
  /** Letter of its flag. */
  short?: string;
  /** Another name that messages have for it, where the code that it is handed to calls it differently. */
  alias?: string;
  /** What stands for the value in the manual. */
  placeholder?: string;
  required?: true;
  /** What it is for, where a command does several things: names of the tasks that take it, before its help. */
  for?: readonly string[];
}

/** Bounds of a number. */
export interface Bounds {
  min?: number;
  max?: number;
  above?: number;
  below?: number;
}

/**
 * One setting, declared once: its option in code, its key in JSON, its flag, its check, its manual and its name in
 * errors follow.
 */
export type Setting = Described &
  /** `bare`: the value where its flag stands alone. */
  (
    | { kind: 'text'; values?: readonly string[]; orObject?: true; bare?: string }
    /** `words` may stand instead of a number. */
    | ({ kind: 'number'; integer?: true; words?: readonly string[] } & Bounds)
    /** `off`: on unless `--no-NAME` is given. */
    | { kind: 'flag'; off?: true }
    /** Values separated by commas. */
    | { kind: 'list' }
    | { kind: 'file' }
    /** One or more files. */
    | { kind: 'files' }
    /** An object of settings, each with a flag of its own. */
    | { kind: 'group'; settings: Settings }
    /** Anything else that JSON can say; checked where it is used. */
    | { kind: 'json' }
  );

/** Settings by the name of their option. */
export interface Settings {
  readonly [name: string]: Setting;
}

type ValueOf<S extends Setting> = S extends { kind: 'text'; values: readonly (infer V)[] }
  ? V
  : S extends { kind: 'text'; orObject: true }
    ? string | object
    : S extends { kind: 'text' | 'file' }
      ? string
      : S extends { kind: 'number'; words: readonly (infer W)[] }
        ? number | W
        : S extends { kind: 'number' }
          ? number
          : S extends { kind: 'flag' }
            ? boolean
            : S extends { kind: 'group'; settings: infer G extends Settings }
              ? OptionsOf<G>
              : S extends { kind: 'json' }
                ? unknown
                : readonly string[];

/** The options that settings stand for; `required` ones among them. */
export type OptionsOf<S extends Settings> = {
  -readonly [K in keyof S as S[K] extends { required: true } ? never : K]?: ValueOf<S[K]>;
} & { -readonly [K in keyof S as S[K] extends { required: true } ? K : never]: ValueOf<S[K]> };

const KINDS: Readonly<Record<Setting['kind'], OptionKind>> = {
  text: 'string',
  number: 'number',
  flag: 'boolean',
  list: 'list',
  file: 'string',
  files: 'list',
  group: 'object',
  json: 'any',
};

const kindOf = (setting: Setting): OptionKind =>
  'orObject' in setting || 'words' in setting ? 'any' : KINDS[setting.kind];

/** What {@link Settings} are as options, for `requireOptions`. */
export function kindsOf<S extends Settings>(settings: S): OptionKinds<OptionsOf<S>> {
  return Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, kindOf(setting)])) as OptionKinds<
    OptionsOf<S>
  >;
}

/**
 * Throws `invalid_argument` for options of another name or kind (see `requireOptions`; `more` are those that are no
 * settings), and for values that no run can have.
 */
export function requireSettings<T extends object>(
  subject: string,
  options: T,
  settings: Settings,
  more: Readonly<Record<string, OptionKind>> = {},
): void {
  requireOptions<object>(subject, options, { ...kindsOf(settings), ...more });
  requireValues(options, settings);
}

/** Throws `invalid_argument` for the first value that is against its setting's rule; names without a setting pass. */
export function requireValues(options: object, settings: Settings, path = ''): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value !== undefined && Object.hasOwn(settings, name)) requireValue(`${path}${name}`, value, settings[name]);
  }
}

function requireValue(name: string, value: unknown, setting: Setting): void {
  switch (setting.kind) {
    case 'text':
      if (setting.orObject && typeof value === 'object') return;
      if (typeof value !== 'string') throw wrongOption(name, 'a text', { value });
      if (setting.values) requireOneOf(name, value, setting.values);
      return;
    case 'number':
      return requireNumber(name, value, setting);
    case 'list':
    case 'files':
      if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string'))
        throw wrongOption(name, 'a list of texts', { value });
      return;
    case 'group':
      return requireGroup(name, value, setting.settings);
  }
}

function requireNumber(name: string, value: unknown, setting: Setting & { kind: 'number' }): void {
  if (setting.words?.includes(value as string)) return;
  if (setting.integer && !setting.words) return void requireInteger(name, value, setting);
  if (isWithin(value, setting) && !(setting.integer && !Number.isInteger(value))) return;
  throw wrongOption(
    name,
    `${setting.words ? `${setting.words.join(', ')} or ` : ''}a${setting.integer ? ' whole' : ''} number${describeBounds(setting)}`,
    { value },
  );
}

/** An object whose settings are its own: a misspelt one would be ignored. */
function requireGroup(name: string, value: unknown, settings: Settings): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongOption(name, 'an object', { value });
  for (const [key, own] of Object.entries(value) as [string, unknown][]) {
    if (!Object.hasOwn(settings, key)) {
      throw new AlbertineError('invalid_argument', prose`${option(name)} has no setting ${key}`, {
        value: key,
        option: name,
        hint: `There are ${Object.keys(settings)
          .map((known) => JSON.stringify(known))
          .join(', ')}`,
      });
    }
    const kind = kindOf(settings[key]);
    if (own !== undefined && kind !== 'any' && kind !== typeof own && kind !== 'list')
      throw wrongOption(`${name}.${key}`, `a ${kind}`, { value: own });
  }
  requireValues(value, settings, `${name}.`);
}

/** Whether a number is finite and within bounds. */
export function isWithin(
  value: unknown,
  { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity }: Bounds,
): boolean {
  return (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    value > above &&
    value < below
  );
}

/** Bounds in words, with a space in front where there are any: ` of at least 0 and below 1`. */
export function describeBounds({ min, max, above, below }: Bounds): string {
  const said = Object.entries({ 'of at least': min, above, 'at most': max, below }).flatMap(([words, bound]) =>
    bound === undefined ? [] : [`${words} ${bound}`],
  );
  return said.length === 0 ? '' : ` ${said.join(' and ')}`;
}

/** The flag of a setting, without dashes; undefined for one that has none. */
export function flagName(name: string, { flag }: Pick<Setting, 'flag'> = {}): string | undefined {
  return flag === false ? undefined : (flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

/** The line of the manual: what it is, and its default. */
export function manualOf({
  help,
  default: value,
  usual = value === undefined ? undefined : String(value),
  for: tasks,
}: Described): string {
  const whole = tasks ? `${tasks.join(', ')}: ${help}` : help;
  return usual === undefined ? whole : `${whole}${/[.?!]$/.test(help) ? '' : '.'} Default: ${usual}`;
}

/**
 * Throws `invalid_argument` for the first option whose setting is for other tasks than this one: it would do nothing.
 */
export function requireForTask(options: object, settings: Settings, task: string): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const tasks = Object.hasOwn(settings, name) ? settings[name].for : undefined;
    if (value === undefined || !tasks || tasks.includes(task)) continue;
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(name)} is for the task ${tasks.join(' or ')}, this one is ${task}`,
      { value: task, option: name, hint: prose`Set ${option('task', tasks[0])}, or leave it out` },
    );
  }
}
