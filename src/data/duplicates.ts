/** Rows whose texts are equal, by {@link textKey}. */
export interface Duplicates {
  /** Rows of a split whose text stood in an earlier row of it. */
  train: number;
  /** Held-out rows whose text stood in an earlier held-out row. */
  evaluation: number;
  /** Held-out rows whose text is among the training rows: what was learned by heart is right on them. */
  shared: number;
  /** Texts that stand in several rows with different labels; only where there are labels. */
  contradictory: number;
  /** Rows left out, if that was asked for. */
  dropped?: number;
}

/** What {@link findDuplicates} looks at. */
export interface KeyedRows {
  /** One a row, as {@link textKey} gives them; equal texts have equal keys. */
  keys: ArrayLike<number>;
  /** One a row; absent where rows have none, or numbers. */
  labels?: ArrayLike<string>;
}

/** A text as it is compared: compatibility forms, case and white space do not count. */
export function normalizeText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

/**
 * A number that is equal for texts, or pairs of them, that are equal once normalised; of 53 bits, so that a million
 * different ones hardly ever meet.
 */
export function textKey(texts: readonly string[]): number {
  const joined = texts.map(normalizeText).join('\u0000');
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < joined.length; i++) {
    const unit = joined.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** Counts equal texts inside and between splits. */
export function findDuplicates(train: KeyedRows, evaluation: KeyedRows = { keys: [] }): Duplicates {
  const seen = new Set(Array.from(train.keys));
  return {
    train: train.keys.length - seen.size,
    evaluation: evaluation.keys.length - new Set(Array.from(evaluation.keys)).size,
    shared: Array.from(evaluation.keys).filter((key) => seen.has(key)).length,
    contradictory: contradictions([train, evaluation]).length,
  };
}

/** Texts with several labels: where each stands first, as index of its split and row, with all its labels. */
export function contradictions(splits: readonly KeyedRows[]): { split: number; row: number; labels: string[] }[] {
  const found = new Map<number, { split: number; row: number; labels: string[] }>();
  for (const [split, { keys, labels }] of splits.entries()) {
    if (!labels) continue;
    for (let row = 0; row < keys.length; row++) {
      const entry = found.get(keys[row]);
      if (!entry) found.set(keys[row], { split, row, labels: [labels[row]] });
      else if (!entry.labels.includes(labels[row])) entry.labels.push(labels[row]);
    }
  }
  return [...found.values()].filter(({ labels }) => labels.length > 1);
}

/** Rows to keep so that each text stands once with each of its labels, and none that is in `without`. */
export function distinctRows({ keys, labels }: KeyedRows, without: ReadonlySet<number> = new Set()): number[] {
  const seen = new Set<string>();
  return Array.from({ length: keys.length }, (_, row) => row).filter((row) => {
    const key = `${keys[row]} ${labels?.[row] ?? ''}`;
    if (without.has(keys[row]) || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Groups of names that differ only in case, white space or compatibility forms. */
export function sameButForCase(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(normalizeText(name), [...(groups.get(normalizeText(name)) ?? []), name]);
  return [...groups.values()].filter((group) => group.length > 1);
}
