import { AlbertineError } from '../../core/errors.ts';
import { validateConfig, type AlbertConfig } from '../../model/config.ts';
import { presetConfig } from '../../model/presets.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** Shape of a new network: a preset's name, or fields that replace those of `preset`. */
export type NewNetwork = string | (Partial<AlbertConfig> & { preset?: string });

/**
 * The config of a new network for a tokeniser; `preset` where the shape names none. Throws `invalid_config` for unknown
 * fields, `invalid_argument` for an unknown preset or a `vocabSize` below the vocabulary's.
 */
export function newNetworkConfig(
  shape: NewNetwork,
  { tokenizer, preset: usual }: { tokenizer: Tokenizer; preset: string },
): AlbertConfig {
  const { preset = usual, ...fields } = typeof shape === 'string' ? { preset: shape } : shape;
  const base = presetConfig(preset);
  const unknown = Object.keys(fields).filter((key) => !(key in base));
  if (unknown.length > 0)
    throw new AlbertineError('invalid_config', `unknown fields of model: ${unknown.join(', ')}`, {
      value: unknown,
      hint: `It has ${Object.keys(base).join(', ')}`,
    });
  if (fields.vocabSize !== undefined && fields.vocabSize < tokenizer.vocabSize)
    throw new AlbertineError(
      'invalid_argument',
      `vocabSize ${fields.vocabSize} has no room for the ${tokenizer.vocabSize.toLocaleString('en-US')} pieces of the vocabulary`,
      { value: fields.vocabSize, hint: 'Leave vocabSize out: it follows from the vocabulary' },
    );
  const { pad, cls, sep } = tokenizer.special;
  return validateConfig({
    ...base,
    vocabSize: tokenizer.vocabSize,
    padTokenId: pad,
    bosTokenId: cls,
    eosTokenId: sep,
    ...fields,
  });
}
