import { AlbertineError, wrongOption } from '../../core/errors.ts';
import { requireGiven } from '../../core/options.ts';
import { option, prose } from '../../core/prose.ts';
import { requireSettings } from '../../core/settings.ts';
import { PRETRAIN_CONFIG_SETTINGS, PRETRAIN_RUN_SETTINGS } from '../../training/pretraining/settings.ts';
import { LISTENER_OPTIONS } from '../../training/run/options.ts';
import type { PretrainOptions } from './options.ts';

/**
 * Checks what types cannot, because the settings may come from a JSON file: lists are lists, no setting is misspelt, of
 * another kind or out of range, and none is given that another one overrides. Throws `invalid_argument` naming the
 * setting.
 */
export function requirePretrainOptions(options: PretrainOptions): void {
  requireSettings('pretrain', options, { ...PRETRAIN_CONFIG_SETTINGS, ...PRETRAIN_RUN_SETTINGS }, LISTENER_OPTIONS);
  requireGiven('pretrain', options, ['shards', 'steps', 'output']);
  const { shards, lengths, maxLength } = options;
  if (shards.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('shards')} must name at least one folder`, {
      value: shards,
      option: 'shards',
    });
  if (lengths === undefined) return;
  requireLengths(lengths);
  if (maxLength !== undefined) {
    throw new AlbertineError('invalid_argument', prose`give ${option('maxLength')} or ${option('lengths')}, not both`, {
      value: maxLength,
      option: 'maxLength',
      hint: prose`${option('lengths')} says from which share of the steps which length holds`,
    });
  }
}

function requireLengths(lengths: unknown): void {
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    typeof pair[0] === 'number' &&
    pair[0] >= 0 &&
    pair[0] < 1 &&
    typeof pair[1] === 'number';
  if (Array.isArray(lengths) && lengths.length > 0 && lengths.every(isPair)) return;
  throw wrongOption('lengths', 'pairs of a share of the steps, from 0 to below 1, and a length', {
    value: lengths,
    hint: 'For example [[0, 64], [0.8, 128]]',
  });
}
