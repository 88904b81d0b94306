/**
 * An option of the library, named in a message. A message is for callers first, who write `onError 'skip'` or
 * `header: false`; whoever shows it to others spells its options as they know them, such as flags.
 */
export interface OptionMention {
  readonly option: string;
  /** Values that it should have, or has; several are alternatives. */
  readonly values: readonly (string | number | boolean)[];
}

/** A message in parts, so that the options in it are known, whatever else stands there. */
export class Prose {
  readonly parts: readonly (string | OptionMention)[];

  constructor(parts: readonly (string | OptionMention)[]) {
    this.parts = parts;
  }

  /** The message with its options as `spell` has them. */
  spelled(spell: (mention: OptionMention) => string): string {
    return this.parts.map((part) => (typeof part === 'string' ? part : spell(part))).join('');
  }

  /** As callers of the library write them. */
  toString(): string {
    return this.spelled(asCalled);
  }
}

/** The mention of an option for {@link prose}. */
export function option(name: string, ...values: readonly (string | number | boolean)[]): OptionMention {
  return { option: name, values };
}

/**
 * A message with options: prose`${option('maxLength')} must be at least 3`. Other values become text; messages may hold
 * messages.
 */
export function prose(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | OptionMention | Prose)[]
): Prose {
  const parts = strings.flatMap((text, i) => [text, ...(i < values.length ? partsOf(values[i]) : [])]);
  return new Prose(parts.filter((part) => part !== ''));
}

/** Messages one after another, with `separator` between them. */
export function joinProse(messages: readonly (string | Prose)[], separator: string): Prose {
  return new Prose(messages.flatMap((message, i) => [...(i > 0 ? [separator] : []), ...partsOf(message)]));
}

function partsOf(value: string | number | OptionMention | Prose): readonly (string | OptionMention)[] {
  if (value instanceof Prose) return value.parts;
  return [typeof value === 'object' ? value : String(value)];
}

/** An option as callers of the library write it. */
export function asCalled({ option: name, values }: OptionMention): string {
  if (values.length === 0) return name;
  if (typeof values[0] === 'boolean') return `${name}: ${values[0]}`;
  return `${name} ${values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' or ')}`;
}
