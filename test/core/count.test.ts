import { expect, it } from 'vitest';
import { countOf } from '../../src/core/count.ts';
import { requireInteger } from '../../src/core/errors.ts';

it('counts in singular and plural', () => {
  expect([0, 1, 2, 12345].map((count) => countOf(count, 'text'))).toEqual([
    '0 texts',
    '1 text',
    '2 texts',
    '12,345 texts',
  ]);
});

it('names the bounds of an integer', () => {
  expect(() => requireInteger('layer', 3, { min: -3, max: 2 })).toThrow(
    'layer must be an integer >= -3 and <= 2, got 3',
  );
  expect(() => requireInteger('layer', 'x', { min: 1 })).toThrow('layer must be an integer >= 1, got "x"');
  expect(() => requireInteger('layer', 0.5)).toThrow('layer must be an integer, got 0.5');
});
