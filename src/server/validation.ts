import type { FastifyServerOptions } from 'fastify';
import { describeValue } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';

/** A rule that a value breaks, as Ajv tells it with `verbose`. */
export interface BrokenRule {
  instancePath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
  /** The value. */
  data?: unknown;
  /** The schema that the rule is part of. */
  parentSchema?: { properties?: Record<string, unknown>; items?: { type?: string } };
}

/** Schemas are compiled when a request needs them: together they take a quarter of a second. */
export const compileLate: NonNullable<NonNullable<FastifyServerOptions['ajv']>['onCreate']> = (ajv) => {
  const compile = ajv.compile.bind(ajv) as (schema: object) => Validate;
  ajv.compile = ((schema: object) => {
    let compiled: Validate | undefined;
    const validate: Validate = (data) => {
      compiled ??= compile(schema);
      const isValid = compiled(data);
      validate.errors = compiled.errors;
      return isValid;
    };
    return validate;
  }) as typeof ajv.compile;
};

interface Validate {
  (data: unknown): unknown;
  errors?: unknown;
}

/** Of a list. */
const ITEMS: Record<string, string> = {
  string: 'text',
  array: 'list',
  object: 'object',
  integer: 'whole number',
  number: 'number',
};

const TYPES: Record<string, string> = {
  string: 'a text',
  array: 'a list',
  object: 'an object',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

/** What is wrong with a request, of `place` ("body"), in a sentence: of alternatives that which came furthest. */
export function whatIsWrong(errors: readonly BrokenRule[], place: string): string {
  const path = errors.map(({ instancePath }) => instancePath).reduce(further);
  const rules = errors.filter(({ instancePath, keyword }) => instancePath === path && keyword !== 'anyOf');
  const [first = errors[0]] = rules;
  const subject = `${place}${path}`;
  const unknown = rules.find(({ keyword }) => keyword === 'additionalProperties');
  const types = rules.flatMap(({ keyword, params }) => (keyword === 'type' ? [params['type']].flat() : [])) as string[];
  const values = rules.flatMap(({ keyword, params }) =>
    keyword === 'const' ? [params['allowedValue']] : keyword === 'enum' ? (params['allowedValues'] as unknown[]) : [],
  );
  const got = first.data === undefined ? '' : `, got ${describeValue(first.data)}`;
  if (types.length === 0 && values.length === 0 && unknown) return unknownField(subject, unknown);
  const named = new Set([
    ...types.map((type) => TYPES[type] ?? type),
    ...values.map((value) => JSON.stringify(value)),
    ...emptyLists(rules),
  ]);
  const told = ['type', 'const', 'enum', 'additionalProperties', 'minItems'];
  const others = rules.filter(({ keyword }) => !told.includes(keyword));
  if (named.size === 0)
    return `${subject} ${[...new Set(others.map(({ message = 'is wrong' }) => message))].join(', or ')}`;
  return `${subject} must be ${[...named].join(' or ')}${got}${suggestion(first.data, values)}`;
}

/** What a list that is too short must have: "a list with at least one text or whole number". */
function emptyLists(rules: readonly BrokenRule[]): string[] {
  const short = rules.filter(({ keyword }) => keyword === 'minItems');
  if (short.length === 0) return [];
  const least = Math.min(...short.map(({ params }) => Number(params['limit'])));
  if (least > 1) return [`a list of at least ${least}`];
  const items = [...new Set(short.map(({ parentSchema }) => ITEMS[parentSchema?.items?.type ?? ''] ?? 'item'))];
  const last = items.pop()!;
  return [`a list with at least one ${items.length > 0 ? `${items.join(', ')} or ${last}` : last}`];
}

/** Of two places that of the value which is nested more deeply, then which comes later. */
function further(a: string, b: string): string {
  const [left, right] = [a.split('/'), b.split('/')];
  if (left.length !== right.length) return left.length > right.length ? a : b;
  const at = left.findIndex((part, i) => part !== right[i]);
  return at >= 0 && Number(right[at]) > Number(left[at]) ? b : a;
}

function unknownField(subject: string, { params, parentSchema }: BrokenRule): string {
  const name = String(params['additionalProperty']);
  const names = Object.keys(parentSchema?.properties ?? {});
  const nearest = nearestName(name, names);
  const help = nearest === undefined ? `It may have ${names.join(', ')}` : `Did you mean ${JSON.stringify(nearest)}?`;
  return `${subject} has a field ${describeValue(name)} that is not known. ${help}`;
}

function suggestion(given: unknown, values: readonly unknown[]): string {
  const nearest =
    typeof given === 'string'
      ? nearestName(
          given,
          values.filter((value) => typeof value === 'string'),
        )
      : undefined;
  return nearest === undefined ? '' : `. Did you mean ${JSON.stringify(nearest)}?`;
}
