import { AlbertineError, describeValue, requireInteger } from '../../core/errors.ts';
import type { GuardOptions } from '../../training/guards.ts';
import type { MaskingOptions } from '../../training/pretraining/masking.ts';
import type { OptimizerOptions } from '../../training/trainer-options.ts';
import type { PretrainConfig } from './pretrain-node.ts';

type Kind = 'number' | 'string' | 'boolean';

const MASKING: Readonly<Record<keyof MaskingOptions, Kind>> = {
  masks: 'string', probability: 'number', maxNgram: 'number', maxPredictions: 'number', maskShare: 'number', randomShare: 'number', wholeWords: 'boolean', wordSegmenter: 'string',
};
const OPTIMIZER: Readonly<Record<keyof OptimizerOptions, Kind>> = { name: 'string', weightDecay: 'number', beta1: 'number', beta2: 'number', epsilon: 'number', momentum: 'number' };
const GUARD: Readonly<Record<keyof GuardOptions, Kind>> = { spikeFactor: 'number', rollBackAfter: 'number' };
const NUMBERS = ['learningRate', 'warmupRatio', 'warmupSteps', 'finalLearningRate', 'power', 'restarts', 'maxGradNorm'] as const;
const COUNTS = ['evaluateEvery', 'checkpointEvery', 'keepCheckpoints', 'histogramEvery', 'microBatchTokens'] as const;

/**
 * Checks what types cannot, because the settings may come from a JSON file: lists are lists, no setting of a group is misspelt or of another kind,
 * and none is given that another one overrides. Most ranges are checked where they are used. Throws `invalid_argument` naming the setting.
 */
export function requirePretrainConfig(config: PretrainConfig): void {
  requirePlaces('shards', config.shards);
  if (config.shards.length === 0) throw new AlbertineError('invalid_argument', 'shards must name at least one folder', { value: config.shards });
  if (config.heldOut !== undefined) requirePlaces('heldOut', config.heldOut);
  requireGroup('masking', config.masking, MASKING);
  requireGroup('optimizer', config.optimizer, OPTIMIZER);
  requireGuard(config.guard);
  for (const name of NUMBERS) {
    const value: unknown = config[name];
    if (value !== undefined && typeof value !== 'number') throw new AlbertineError('invalid_argument', `${name} must be a number, got ${describeValue(value)}`, { value });
  }
  for (const name of COUNTS) if (config[name] !== undefined) requireInteger(name, config[name], { min: 1 });
  if (config.lengths !== undefined) requireLengths(config.lengths);
  if (config.lengths !== undefined && config.maxLength !== undefined) {
    throw new AlbertineError('invalid_argument', 'give maxLength or lengths, not both', { value: config.maxLength, hint: 'lengths says from which share of the steps which length holds' });
  }
}

function requirePlaces(name: string, value: unknown): void {
  if (Array.isArray(value) && value.every((place) => typeof place === 'string')) return;
  throw new AlbertineError('invalid_argument', `${name} must be a list of folders, got ${describeValue(value)}`, { value });
}

function requireGroup(name: string, value: object | undefined, kinds: Readonly<Record<string, Kind>>): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new AlbertineError('invalid_argument', `${name} must be an object, got ${describeValue(value)}`, { value });
  for (const [key, setting] of Object.entries(value) as [string, unknown][]) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind === undefined) throw new AlbertineError('invalid_argument', `${name} has no setting ${key}`, { value: key, hint: `There are ${quoted(Object.keys(kinds))}` });
    if (setting !== undefined && typeof setting !== kind) throw new AlbertineError('invalid_argument', `${name}.${key} must be a ${kind}, got ${describeValue(setting)}`, { value: setting });
  }
}

function requireGuard(guard: GuardOptions | undefined): void {
  requireGroup('guard', guard, GUARD);
  const { spikeFactor = 0, rollBackAfter = 1 } = guard ?? {};
  if (!(spikeFactor >= 0)) throw new AlbertineError('invalid_argument', `guard.spikeFactor must be at least 0, got ${spikeFactor}`, { value: spikeFactor });
  requireInteger('guard.rollBackAfter', rollBackAfter, { min: 1 });
}

/** Names as they stand in a settings file, which keeps them from being taken for flags. */
export function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}

function requireLengths(lengths: unknown): void {
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'number' && pair[0] >= 0 && pair[0] < 1 && typeof pair[1] === 'number';
  if (Array.isArray(lengths) && lengths.length > 0 && lengths.every(isPair)) return;
  throw new AlbertineError('invalid_argument', `lengths must be pairs of a share of the steps, from 0 to below 1, and a length, got ${describeValue(lengths)}`, {
    value: lengths, hint: 'For example [[0, 64], [0.8, 128]]',
  });
}
