import type { Command } from 'commander';
import { nearestName } from '../../core/nearest.ts';

/**
 * For a command that does nothing but hold others: alone it prints its help, and with a name that none of them has it
 * says so, names the nearest, and ends as wrong use does.
 */
export function requireVerb(command: Command): void {
  command
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      const [name, ...rest] = command.args;
      if (name === undefined || (name === 'help' && rest.length === 0)) command.help();
      const asked = name === 'help' ? command.commands.find((other) => other.name() === rest[0]) : undefined;
      if (asked) asked.help();
      if (name.startsWith('-')) command.error(`error: unknown option '${name}'`);
      const names = command.commands.map((other) => other.name());
      const nearest = nearestName(name, names);
      command.error(
        `error: unknown command '${name}'. ${nearest === undefined ? `The commands are ${names.join(', ')}` : `Did you mean ${nearest}?`}`,
      );
    });
}
