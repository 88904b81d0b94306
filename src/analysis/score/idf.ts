import { hashLanes } from '../../core/hash.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/**
 * Inverse document frequencies of tokens, `ln((documents + 1) / (documents with the token + 1))`: what is in every text,
 * special tokens among it, counts nothing. As the package bert_score counts them.
 */
export class IdfWeights {
  private readonly frequencies = new Map<number, number>();
  private readonly tokenizer: Tokenizer;
  private documentCount = 0;

  /** Of no text yet. */
  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Texts counted. */
  get documents(): number {
    return this.documentCount;
  }

  /** Counts a text's tokens, each once. */
  add(text: string): void {
    this.documentCount++;
    const { cls, sep } = this.tokenizer.special;
    for (const id of new Set([cls, sep, ...this.tokenizer.encodeIds(text.trim())]))
      this.frequencies.set(id, (this.frequencies.get(id) ?? 0) + 1);
  }

  /** What a token counts. */
  weight(id: number): number {
    return Math.log((this.documentCount + 1) / ((this.frequencies.get(id) ?? 0) + 1));
  }

  /** Tells these weights from others. */
  get fingerprint(): string {
    const counts = [...this.frequencies].sort(([a], [b]) => a - b).flat();
    const lanes = hashLanes(Uint32Array.from(counts)).slice(0, 2);
    return `${this.documentCount}:${lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')}`;
  }
}
