import type { Command } from 'commander';
import { flagName, type Setting, type Settings } from '../../core/settings.ts';
import { integer, list, number, oneOf } from './arguments.ts';

/** Adds a flag for each setting. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const [name, setting] of Object.entries(settings)) {
    const parse = parserOf(setting);
    const add = setting.required ? command.requiredOption.bind(command) : command.option.bind(command);
    if (parse) (add as (flags: string, help: string, parse: (text: string) => unknown) => Command)(flagsOf(name, setting), setting.help, parse);
    else add(flagsOf(name, setting), setting.help);
  }
  return command;
}

/** The options that the flags of a command stand for; those that were not given are left out. */
export function optionsOfFlags(settings: Settings, flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).flatMap(([name, setting]): [string, unknown][] => {
    const value = flags[attributeOf(name, setting)];
    return value === undefined || (setting.kind === 'flag' && setting.off && value === true) ? [] : [[name, value]];
  }));
}

/** How a flag is written: `--name`. */
export const writtenFlag = (name: string, setting: Setting): string => `--${setting.kind === 'flag' && setting.off ? 'no-' : ''}${flagName(name, setting)}`;

/** Name under which commander keeps a flag. */
const attributeOf = (name: string, setting: Setting): string => flagName(name, setting).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function flagsOf(name: string, setting: Setting): string {
  const flag = writtenFlag(name, setting);
  if (setting.kind === 'flag') return flag;
  const { placeholder = { text: 'name', number: 'n', list: 'names', file: 'file', files: 'file' }[setting.kind] } = setting;
  return `${flag} <${placeholder}${setting.kind === 'files' ? '...' : ''}>`;
}

function parserOf(setting: Setting): ((text: string) => unknown) | undefined {
  switch (setting.kind) {
    case 'number': return setting.integer ? integer(setting) : number(setting);
    case 'list': return list;
    case 'text': return setting.values && oneOf(...setting.values);
    default: return undefined;
  }
}
