import { flagName, type Settings } from '../../core/settings.ts';
import type { AskedManual } from '../../tasks/manual.ts';
import { ASKED } from '../../tasks/registry.ts';
import { UsageError } from '../terminal/errors.ts';
import { writtenFlag } from './setting-flags.ts';

type Verb = 'evaluate' | 'predict';

/** Settings of reading texts, which `predict` has for every task (`addInputOptions`). */
export const INPUT_SETTINGS = ['textField', 'format', 'encoding', 'delimiter', 'quotes', 'header', 'onError'];

const settingsOf = (task: AskedManual, verb: Verb): Settings => task[verb]?.settings ?? {};

/** The settings that any task has for a verb: which of them a model takes is known when it is open. */
export function unitedSettings(
  verb: Verb,
  leftOut: readonly string[] = [],
  tasks: readonly AskedManual[] = ASKED,
): Settings {
  const all: Record<string, Settings[string]> = {};
  for (const task of tasks)
    for (const [name, setting] of Object.entries(settingsOf(task, verb)))
      if (!leftOut.includes(name)) all[name] ??= setting;
  return all;
}

/** How labelled rows are read, and models asked, for the tasks whose texts can be perturbed. */
export const ROBUSTNESS_SETTINGS = unitedSettings(
  'evaluate',
  [],
  ASKED.filter(({ rewritable }) => rewritable),
);

/** Throws {@link UsageError} for an option that other tasks have and this one does not. */
export function requireOwnFlags(task: AskedManual, verb: Verb, given: Readonly<Record<string, unknown>>): void {
  const own = settingsOf(task, verb);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(own, name)) continue;
    const owners = ASKED.filter((other) => Object.hasOwn(settingsOf(other, verb), name));
    if (owners.length === 0) continue;
    const flag = writtenFlag(name, settingsOf(owners[0], verb)[name]);
    throw new UsageError(
      `${flag} is for ${owners.map(({ noun }) => noun).join(' or ')}, and this model is ${task.noun}${hintFor(own, name)}`,
    );
  }
}

/** A field has another name in each task. */
function hintFor(own: Settings, name: string): string {
  const fields = Object.keys(own).filter((other) => /Field$/.test(other));
  return /Field$/.test(name) && fields.length > 0
    ? ` (its fields are ${fields.map((field) => `--${flagName(field)}`).join(', ')})`
    : '';
}
