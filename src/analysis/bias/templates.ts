import { AlbertineError, describeValue } from '../../core/errors.ts';
import type { ClassifierInput } from '../../tasks/classify/task.ts';

/** A sentence with a slot such as `{person}`; of a model of pairs, two sentences. */
export interface Template {
  /** The text. */
  text: string;
  /** The second text of a pair. */
  pair?: string;
  /** What is right, whoever is in the slot. */
  label?: string;
}

/** Terms that are swapped: what one group is called, and what the others are. */
export interface TermAttribute {
  /** Such as gender. */
  name: string;
  /** The slot that the terms go in. */
  slot: string;
  /** Terms by group; at least two groups. */
  groups: Readonly<Record<string, readonly string[]>>;
}

/** A template with a term in its slot. */
export interface FilledTemplate {
  /** Place of the template in the list. */
  template: number;
  /** Name of the group. */
  group: string;
  /** The term in the slot. */
  term: string;
  /** What the model is asked. */
  input: ClassifierInput;
  /** Name of the label; of a number, the number as text. */
  label?: string;
}

const slotOf = (name: string): string => `{${name}}`;

/** Whether a template has a slot, in either text. */
export const hasSlot = ({ text, pair = '' }: Template, slot: string): boolean =>
  text.includes(slotOf(slot)) || pair.includes(slotOf(slot));

/** Every template of an attribute's slot with every term. A term that begins a text gets a capital. */
export function fillTemplates(templates: readonly Template[], { slot, groups }: TermAttribute): FilledTemplate[] {
  return templates.flatMap((template, index) =>
    hasSlot(template, slot)
      ? Object.entries(groups).flatMap(([group, terms]) =>
          terms.map((term): FilledTemplate => {
            const text = fill(template.text, slot, term);
            return {
              template: index,
              group,
              term,
              input: template.pair === undefined ? text : { text, pair: fill(template.pair, slot, term) },
              ...(template.label !== undefined && { label: template.label }),
            };
          }),
        )
      : [],
  );
}

function fill(text: string, slot: string, term: string): string {
  const filled = text.replaceAll(slotOf(slot), term);
  return text.startsWith(slotOf(slot)) ? filled[0].toUpperCase() + filled.slice(1) : filled;
}

/**
 * Checks lists that somebody wrote: templates have a slot that some attribute fills and no other, and every attribute
 * has a template and two groups with terms. Throws `invalid_data` naming what is wrong.
 */
export function requireLists(templates: readonly Template[], attributes: readonly TermAttribute[]): void {
  if (attributes.length === 0 || templates.length === 0)
    throw new AlbertineError('invalid_data', 'templates and groups must not be empty', { value: attributes });
  const slots = new Set(attributes.map(({ slot }) => slot));
  templates.forEach((template, index) => {
    const found = [...`${template.text} ${template.pair ?? ''}`.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]);
    const unknown = found.find((name) => !slots.has(name));
    if (unknown === undefined && new Set(found).size === 1) return;
    throw new AlbertineError(
      'invalid_data',
      unknown === undefined
        ? `template ${index + 1} must have one slot, got ${describeValue(template.text)}`
        : `template ${index + 1} has the slot {${unknown}}, which no group fills: ${describeValue(template.text)}`,
      { value: template, hint: `Groups fill ${[...slots].map(slotOf).join(', ')}` },
    );
  });
  for (const { name, slot, groups } of attributes) {
    if (!templates.some((template) => hasSlot(template, slot)))
      throw new AlbertineError('invalid_data', `no template has the slot {${slot}} of ${name}`, { value: slot });
    const sizes = Object.values(groups).map((terms) => terms.length);
    if (sizes.length < 2 || sizes.some((size) => size === 0))
      throw new AlbertineError('invalid_data', `${name} must have two groups or more, each with a term`, {
        value: groups,
      });
  }
}
