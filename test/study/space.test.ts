import { describe, expect, it } from 'vitest';
import { AlbertineError } from '../../src/core/errors.ts';
import {
  discreteValues,
  isActive,
  jointGroups,
  parseRange,
  parseSpace,
  requireSpace,
  searchOrder,
  type Space,
} from '../../src/study/space.ts';

const refused = (work: () => unknown, message: RegExp): void => {
  expect(work).toThrow(AlbertineError);
  expect(work).toThrow(message);
};

describe('ranges', () => {
  it('are read as flags have them', () => {
    expect(parseRange('1e-5:1e-3')).toEqual({ kind: 'float', low: 1e-5, high: 1e-3 });
    expect(parseRange('log:1e-5:1e-3')).toEqual({ kind: 'float', low: 1e-5, high: 1e-3, log: true });
    expect(parseRange('int:log:8:64')).toEqual({ kind: 'int', low: 8, high: 64, log: true });
    expect(parseRange('log:int:8:64')).toEqual(parseRange('int:log:8:64'));
    expect(parseRange('-1:0.5:0.25')).toEqual({ kind: 'float', low: -1, high: 0.5, step: 0.25 });
    expect(parseRange('adamw, lamb')).toEqual({ kind: 'choice', choices: ['adamw', 'lamb'] });
    expect(parseRange('8,16')).toEqual({ kind: 'choice', choices: [8, 16] });
    expect(parseRange('true,false')).toEqual({ kind: 'choice', choices: [true, false] });
  });

  it.each([
    ['1:', /cannot be read/],
    ['a:b', /cannot be read/],
    ['1:2:3:4', /cannot be read/],
    ['log:log:1:2', /cannot be read/],
    ['1:log:2', /cannot be read/],
    ['3:2', /3 must be below 2/],
    ['log:0:1', /begin above 0/],
    ['int:1.5:3', /whole numbers/],
    ['0:1:0.3', /whole number of steps/],
    ['log:1:100:2', /has no step/],
    ['x', /single value/],
    ['a,a', /twice/],
    ['a,,b', /cannot be read/],
  ])('refuses %s', (text, message) => refused(() => parseRange(text, 'rate'), message));

  it('have all their values where they are discrete', () => {
    expect(discreteValues(parseRange('0:0.3:0.1'))).toEqual([0, 0.1, 0.2, 0.3]);
    expect(discreteValues(parseRange('int:1:4'))).toEqual([1, 2, 3, 4]);
    expect(discreteValues(parseRange('0:1'))).toBeUndefined();
  });
});

const SPACE = parseSpace({
  momentum: { range: '0:0.9', when: { optimizer: 'sgd' } },
  nesterov: { choices: [true, false], when: { optimizer: ['sgd'] } },
  optimizer: ['adamw', 'sgd', 'lamb'],
  rate: 'log:1e-5:1e-1',
  beta: { range: '0.8:0.99', when: { optimizer: ['adamw', 'lamb'], rate: [0.01] } },
});

describe('spaces', () => {
  it('parents come first, and what has one condition belongs together', () => {
    expect(searchOrder(SPACE)).toEqual(['optimizer', 'rate', 'momentum', 'nesterov', 'beta']);
    expect(jointGroups(SPACE)).toEqual([['optimizer', 'rate'], ['momentum', 'nesterov'], ['beta']]);
    expect(isActive(SPACE['momentum'], { optimizer: 'sgd' })).toBe(true);
    expect(isActive(SPACE['momentum'], { optimizer: 'lamb' })).toBe(false);
    expect(isActive(SPACE['momentum'], {})).toBe(false);
  });

  it('refuses conditions that cannot hold', () => {
    const range = parseRange('0:1');
    const space = (when: Space[string]['when'], more: Space = {}): Space => ({ a: { ...range, when }, ...more });
    refused(() => requireSpace({}), /empty/);
    refused(
      () => requireSpace(space({ optimiser: ['x'] }, { optimizer: parseRange('x,y') })),
      /Did you mean optimizer/,
    );
    refused(() => requireSpace(space({ o: ['z'] }, { o: parseRange('x,y') })), /never is.*one of x, y/);
    refused(() => requireSpace(space({ b: [0.5] }, { b: { ...range, when: { a: [0.5] } } })), /circle: a -> b -> a/);
    refused(() => parseSpace([1]), /must be a JSON object/);
    refused(() => parseSpace({ a: 3 }), /cannot be read/);
    refused(() => parseSpace({ a: { range: '0:1', choices: [1, 2] } }), /either/);
    refused(() => parseSpace({ a: { range: '0:1', wenn: {} } }), /has no "wenn"/);
    refused(() => parseSpace({ a: { range: '0:1', when: 'sgd' } }), /must be an object/);
    refused(() => parseSpace({ a: { choices: [1, {}] } }), /texts, numbers/);
  });
});
