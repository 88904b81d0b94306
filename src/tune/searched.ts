import { AlbertineError, describeValue } from '../core/errors.ts';
import { flaggedSettings, valueAt, type FlaggedSetting } from '../core/flagged-settings.ts';
import { nearestName } from '../core/nearest.ts';
import { flagName, requireValues, type Settings } from '../core/settings.ts';
import { requireSpace, type Parameter, type ParameterValue, type Space, type TrialValues } from '../study/space.ts';
import type { TaskManual } from '../tasks/manual.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../training/run/settings.ts';

/** What a study decides itself, and why it is not searched. */
const NOT_SEARCHED: Readonly<Record<string, string>> = {
  output: 'every trial has a folder of its own',
  resume: 'it is for the study',
  overwrite: 'it is for the study',
  evaluation: 'figures of other rows could not be compared',
  metric: 'figures of other kinds could not be compared',
  seed: 'the best of many seeds is luck; see --retrain and --seeds',
};

/** Options of a task's fine-tuning, as plain data. */
export type RunOptions = Readonly<Record<string, unknown>>;

/** The settings of fine-tuning for a task: its own and those of every run. */
export function settingsOf({ finetune }: TaskManual): Settings {
  return { ...finetune.settings, ...FINE_TUNE_RUN_SETTINGS };
}

/** The settings by the names of their flags. */
function byFlag(settings: Settings): Map<string, FlaggedSetting> {
  return new Map(flaggedSettings(settings).map((entry) => [flagName(entry.path.at(-1)!, entry.setting)!, entry]));
}

/**
 * The space with the names of flags for names, whole numbers where a setting takes nothing else, and everything checked:
 * throws `invalid_argument` for a name that is no setting of the task (naming the nearest), one that cannot be searched
 * or is given besides, and values that no run can have. Names may also be those of options: `learningRate`,
 * `optimizer.momentum`.
 */
export function searchedSpace(space: Space, task: TaskManual, given: RunOptions): Space {
  const settings = settingsOf(task);
  const flags = byFlag(settings);
  const names = new Map<string, string>();
  for (const [flag, { path }] of flags) for (const name of [flag, path.join('.'), path.at(-1)!]) names.set(name, flag);
  const flagOf = (name: string): string =>
    names.get(name.replace(/^--/, '')) ?? unknownName(name, task, [...flags.keys()]);
  const found: Record<string, Parameter> = {};
  for (const [name, parameter] of Object.entries(space)) {
    const flag = flagOf(name);
    const entry = flags.get(flag)!;
    requireSearchable(flag, entry, given);
    if (Object.hasOwn(found, flag))
      throw new AlbertineError('invalid_argument', `${flag} is searched twice`, { value: name });
    const { when, ...own } = parameter;
    const fitted = fitParameter(flag, own as Parameter, entry);
    found[flag] = {
      ...fitted,
      ...(when && { when: Object.fromEntries(Object.entries(when).map(([other, values]) => [flagOf(other), values])) }),
    };
  }
  requireSpace(found);
  return found;
}

function unknownName(name: string, { name: task }: TaskManual, flags: readonly string[]): never {
  const nearest = nearestName(name, flags);
  throw new AlbertineError('invalid_argument', `fine-tuning for ${task} has no setting ${describeValue(name)}`, {
    value: name,
    hint: nearest === undefined ? `See albertine finetune ${task} --help` : `Did you mean ${nearest}?`,
  });
}

function requireSearchable(flag: string, { path }: FlaggedSetting, given: RunOptions): void {
  const reason = NOT_SEARCHED[path.join('.')];
  if (reason !== undefined)
    throw new AlbertineError('invalid_argument', `${flag} cannot be searched: ${reason}`, { value: flag });
  if (valueAt(given, path) !== undefined)
    throw new AlbertineError('invalid_argument', `${flag} is both given and searched`, {
      value: flag,
      hint: `Leave out either --${flag} or its range`,
    });
}

/** Checks the ends of a range, or its choices, as values of the setting. */
function fitParameter(flag: string, parameter: Parameter, { path, setting }: FlaggedSetting): Parameter {
  const name = path.at(-1)!;
  let fitted = parameter;
  if (parameter.kind === 'float' && setting.kind === 'number' && setting.integer && !setting.words)
    fitted = { ...parameter, kind: 'int' };
  if (parameter.kind !== 'choice' && setting.kind !== 'number')
    throw new AlbertineError(
      'invalid_argument',
      `${flag} is no number: ${parameter.low}:${parameter.high} is no range of it`,
      {
        value: flag,
        hint: 'Give choices: a,b,c',
      },
    );
  if (fitted.kind === 'choice') fitted = { ...fitted, choices: fitted.choices.map((choice) => typed(choice, setting)) };
  const ends: readonly ParameterValue[] = fitted.kind === 'choice' ? fitted.choices : [fitted.low, fitted.high];
  for (const value of ends) {
    try {
      requireKind(value, setting);
      requireValues({ [name]: optionValue(value, setting) }, { [name]: setting });
    } catch (error) {
      if (!(error instanceof AlbertineError)) throw error;
      throw new AlbertineError('invalid_argument', `${flag} cannot be ${describeValue(value)}: ${error.message}`, {
        value,
      });
    }
  }
  return fitted;
}

/** A text that looks like a number stays one where the setting is a text. */
function typed(choice: ParameterValue, { kind }: FlaggedSetting['setting']): ParameterValue {
  return kind === 'text' || kind === 'file' || kind === 'list' ? String(choice) : choice;
}

function requireKind(value: ParameterValue, { kind }: FlaggedSetting['setting']): void {
  if (kind === 'flag' && typeof value !== 'boolean')
    throw new AlbertineError('invalid_argument', 'it is true or false', { value });
}

/** A value as an option has it: lists are one text in a trial. */
function optionValue(value: ParameterValue, { kind }: FlaggedSetting['setting']): unknown {
  if (kind !== 'list' && kind !== 'files') return value;
  return String(value)
    .split(/[,+]/)
    .map((part) => part.trim());
}

/** The options of a run with the values of a trial in their places. */
export function withValues(given: RunOptions, values: TrialValues, task: TaskManual): Record<string, unknown> {
  const flags = byFlag(settingsOf(task));
  const options: Record<string, unknown> = { ...given };
  for (const [flag, value] of Object.entries(values)) {
    const { path, setting } = flags.get(flag)!;
    const own = optionValue(value, setting);
    if (path.length === 1) options[path[0]] = own;
    else options[path[0]] = { ...(options[path[0]] as object | undefined), [path[1]]: own };
  }
  return options;
}
