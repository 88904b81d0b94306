import type { OptionKind, OptionKinds } from './options.ts';

interface Described {
  /** One line for the manual, with the default at its end. */
  help: string;
  /** Name of its flag where that is not the option's own in another spelling. */
  flag?: string;
  /** What stands for the value in the manual. */
  placeholder?: string;
  required?: true;
}

/** One setting, declared once: its option in code, its flag, its check and its manual follow. */
export type Setting = Described & (
  | { kind: 'text'; values?: readonly string[] }
  | { kind: 'number'; integer?: true; min?: number; max?: number; above?: number; below?: number }
  /** `off`: on unless `--no-NAME` is given. */
  | { kind: 'flag'; off?: true }
  /** Values separated by commas. */
  | { kind: 'list' }
  | { kind: 'file' }
  /** One or more files. */
  | { kind: 'files' }
);

/** Settings by the name of their option. */
export type Settings = Readonly<Record<string, Setting>>;

type ValueOf<S extends Setting> = S extends { kind: 'text'; values: readonly (infer V)[] } ? V : S extends { kind: 'text' | 'file' } ? string
  : S extends { kind: 'number' } ? number : S extends { kind: 'flag' } ? boolean : readonly string[];

/** The options that settings stand for; `required` ones among them. */
export type OptionsOf<S extends Settings> = {
  -readonly [K in keyof S as S[K] extends { required: true } ? never : K]?: ValueOf<S[K]>;
} & { -readonly [K in keyof S as S[K] extends { required: true } ? K : never]: ValueOf<S[K]> };

const KINDS: Readonly<Record<Setting['kind'], OptionKind>> = { text: 'string', number: 'number', flag: 'boolean', list: 'list', file: 'string', files: 'list' };

/** What {@link Settings} are as options, for `requireOptions`. */
export function kindsOf<S extends Settings>(settings: S): OptionKinds<OptionsOf<S>> {
  return Object.fromEntries(Object.entries(settings).map(([name, { kind }]) => [name, KINDS[kind]])) as OptionKinds<OptionsOf<S>>;
}

/** The flag of a setting, without dashes. */
export function flagName(name: string, { flag }: Pick<Setting, 'flag'> = {}): string {
  return flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
