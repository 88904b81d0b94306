import type { Command, Option } from 'commander';
import { asCalled, type OptionMention } from '../../core/prose.ts';

/** What the library calls the value of a flag, where it is not the flag's own name in another spelling. */
const NAMES = new WeakMap<Option, readonly string[]>();

/** Notes the library's names of what a flag stands for, so that errors about it name the flag. */
export function standsFor(flag: Option, names: readonly string[]): void {
  NAMES.set(flag, names);
}

/** The same for flags of a command by the names under which it keeps their values. */
export function nameFlags(command: Command, names: Readonly<Record<string, string>>): Command {
  for (const flag of command.options)
    if (Object.hasOwn(names, flag.attributeName())) standsFor(flag, [names[flag.attributeName()]]);
  return command;
}

/**
 * Spells options as the flags of a command: `--on-error skip`, `--no-header`; as the library does where it has none, or
 * where `--config` has the option instead.
 */
export function spellingOf(command: Command): (mention: OptionMention) => string {
  return (mention) => {
    const { option: name, values } = mention;
    const flag = flagFor(command, name);
    if (flag === undefined || (isGiven(command, 'config') && !isGiven(command, name))) return asCalled(mention);
    return [flag.long!, ...(typeof values[0] === 'boolean' || values.length === 0 ? [] : [values.join(' or ')])].join(
      ' ',
    );
  };
}

/** Whether the value of an option was given on the command line. */
export function isGiven(command: Command, name: string): boolean {
  const flag = flagFor(command, name);
  return flag !== undefined && command.getOptionValueSource(flag.attributeName()) === 'cli';
}

/** The flag of an option; `schedule.power` is the `power` of a group. */
function flagFor(command: Command, name: string): Option | undefined {
  const find = (wanted: string): Option | undefined =>
    command.options.find((flag) => flag.attributeName() === wanted || NAMES.get(flag)?.includes(wanted));
  return find(name) ?? find(name.slice(name.lastIndexOf('.') + 1));
}
