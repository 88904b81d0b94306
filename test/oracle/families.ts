import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, type GoldenTensor } from './goldens.ts';

/** Families that make_bert_goldens.py writes. */
export const FAMILIES = ['bert', 'xlm-roberta'] as const;

/** What transformers makes of one padded batch of a family's small model. */
export interface FamilyGolden {
  /** The model's folder. */
  folder: string;
  inputs: { inputIds: number[][]; attentionMask: number[][]; tokenTypeIds: number[][] };
  /** Hidden states, pooled, logits, loss and gradients, under the family's own names. */
  outputs: Map<string, GoldenTensor>;
  sentences: { texts: string[] } & Record<string, number[][]>;
}

/** Loads the goldens of a family. */
export function loadFamily(family: string): FamilyGolden {
  const folder = join(import.meta.dirname, 'goldens/bert', family);
  const json = <T>(name: string): T => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
  return {
    folder: join(folder, 'model'),
    inputs: json('inputs.json'),
    outputs: readSafetensors(join(folder, 'outputs.safetensors')),
    sentences: json('sentences.json'),
  };
}
