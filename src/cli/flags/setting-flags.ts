import { InvalidArgumentError, Option, type Command } from 'commander';
import { flaggedSettings } from '../../core/flagged-settings.ts';
import { describeBounds, flagName, isWithin, manualOf, type Setting, type Settings } from '../../core/settings.ts';
import { integer, list, number, oneOf } from './arguments.ts';
import { standsFor } from './spelling.ts';

/** Adds a flag for each setting, those of a group one by one. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const { path, setting } of flaggedSettings(settings)) {
    const name = path.at(-1)!;
    const flag = new Option(flagsOf(name, setting), manualOf(setting));
    const parse = parserOf(setting);
    if (parse) flag.argParser(parse);
    standsFor(flag, [path.join('.'), name, ...(setting.alias === undefined ? [] : [setting.alias])]);
    command.addOption(flag.makeOptionMandatory(setting.required ?? false));
  }
  return command;
}

/** The options that the flags of a command stand for; those that were not given are left out. */
export function optionsOfFlags(settings: Settings, flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, setting]): [string, unknown][] => {
      if (setting.kind === 'group') {
        const group = optionsOfFlags(setting.settings, flags);
        return Object.keys(group).length > 0 ? [[name, group]] : [];
      }
      const value = setting.flag === false ? undefined : flags[attributeOf(name, setting)];
      // A flag that stands alone is true.
      if (setting.kind === 'text' && value === true) return [[name, setting.bare]];
      return value === undefined || (setting.kind === 'flag' && setting.off && value === true) ? [] : [[name, value]];
    }),
  );
}

/** How a flag is written: `--name`. */
export const writtenFlag = (name: string, setting: Setting): string =>
  `--${setting.kind === 'flag' && setting.off ? 'no-' : ''}${flagName(name, setting)}`;

/** Name under which commander keeps a flag. */
const attributeOf = (name: string, setting: Setting): string =>
  flagName(name, setting)!.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function flagsOf(name: string, setting: Exclude<Setting, { kind: 'group' | 'json' }>): string {
  const flag = `${setting.short === undefined ? '' : `-${setting.short}, `}${writtenFlag(name, setting)}`;
  if (setting.kind === 'flag') return flag;
  const { placeholder = { text: 'name', number: 'n', list: 'names', file: 'file', files: 'file' }[setting.kind] } =
    setting;
  if (setting.kind === 'text' && setting.bare !== undefined) return `${flag} [${placeholder}]`;
  return `${flag} <${placeholder}${setting.kind === 'files' ? '...' : ''}>`;
}

function parserOf(setting: Setting): ((text: string) => unknown) | undefined {
  switch (setting.kind) {
    case 'number':
      return setting.words
        ? numberOrWord(setting.words, setting)
        : setting.integer
          ? integer(setting)
          : number(setting);
    case 'list':
      return list;
    case 'text':
      return setting.values && oneOf(...setting.values);
    default:
      return undefined;
  }
}

function numberOrWord(words: readonly string[], setting: Setting & { kind: 'number' }): (text: string) => unknown {
  return (text) => {
    if (words.includes(text)) return text;
    const value = /^\d+$/.test(text) || !setting.integer ? Number(text) : NaN;
    if (!isWithin(value, setting))
      throw new InvalidArgumentError(
        `It must be ${words.join(', ')} or a${setting.integer ? ' whole' : ''} number${describeBounds(setting)}.`,
      );
    return value;
  };
}
