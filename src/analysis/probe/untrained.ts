import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { weightsFingerprint } from '../../checkpoint/fingerprint.ts';
import type { EmbeddingModel } from '../../loaded/embed-plan.ts';
import { AlbertEncoder } from '../../model/encoder.ts';

/** A network that can be disposed. */
export type FloorModel = EmbeddingModel & Disposable;

/**
 * The floor: a network of the same shape with the same tokeniser, and weights as they are before any training. What it
 * reaches comes from the words themselves and from the shape of the network.
 */
export async function untrainedLike(
  model: Pick<EmbeddingModel, 'config' | 'tokenizer' | 'maxLength' | 'prompts'>,
  { seed = 1, threads }: { seed?: number; threads?: number } = {},
): Promise<FloorModel> {
  const { config, tokenizer, maxLength, prompts } = model;
  const weights = initialiseWeights(config, seed);
  const encoder = await AlbertEncoder.create(config, weights, threads === undefined ? {} : { threads });
  return {
    config,
    tokenizer,
    encoder,
    weights,
    fingerprint: [
      `model=${await weightsFingerprint(weights)}`,
      `tokenizer=${tokenizer.fingerprint}`,
      'dtype=f32',
      `untrained=${seed}`,
    ].join(';'),
    ...(maxLength !== undefined && { maxLength }),
    ...(prompts && { prompts }),
    [Symbol.dispose]: () => encoder[Symbol.dispose](),
  };
}
