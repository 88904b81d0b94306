import { ContentHash } from '../../tokenizer/fingerprint.ts';
import type { FittedClassifier } from './classifier.ts';

/** `fit=` and 16 hexadecimal digits over what a classifier has learned, in the precision that it is saved in. */
export function fitFingerprint({
  features: { scale, words },
  weights: { classifier, strength, learned, sigmoids },
  facts: { problem, labels },
}: Pick<FittedClassifier, 'features' | 'weights' | 'facts'>): string {
  const hash = new ContentHash();
  hash.text(JSON.stringify({ classifier, strength, problem, labels, sigmoids, words }));
  const numbers = [
    ...(scale ? [scale.means, scale.deviations] : []),
    ...('linear' in learned
      ? [learned.linear.weights, learned.linear.bias]
      : // The rows it remembers are told apart by their labels, and by scale or words.
        [learned.neighbours.targets.values]),
  ];
  for (const values of numbers) hash.bytes(new Uint8Array(Float32Array.from(values).buffer));
  return `fit=${hash.digest()}`;
}
