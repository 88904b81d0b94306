import type { Command } from 'commander';
import { nearestName } from '../core/nearest.ts';

/**
 * For a command that does nothing but hold others: alone it prints its help, and with a name that none of them has it says so, names the nearest, and ends
 * as wrong use does.
 */
export function requireVerb(command: Command): void {
  command.allowUnknownOption().allowExcessArguments().action(() => {
    const [name] = command.args;
    if (name === undefined) command.help();
    if (name.startsWith('-')) command.error(`error: unknown option '${name}'`);
    const names = command.commands.map((other) => other.name());
    const nearest = nearestName(name, names);
    command.error(`error: unknown command '${name}'. ${nearest === undefined ? `The commands are ${names.join(', ')}` : `Did you mean ${nearest}?`}`);
  });
}
