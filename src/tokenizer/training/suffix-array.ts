/**
 * Suffix array by induced sorting (SA-IS; Nong, Zhang and Chan 2009), in time linear in the text.
 * `text` holds integers in `[0, alphabetSize)`; a suffix that is a prefix of another sorts first.
 */
export function suffixArray(text: Int32Array, alphabetSize: number): Int32Array {
  const length = text.length;
  if (length <= 1) return new Int32Array(length);
  const isS = classify(text);
  const bucketEnds = countBuckets(text, alphabetSize);
  const order = new Int32Array(length);

  placeLms(text, isS, bucketEnds, order);
  induce(text, isS, bucketEnds, order);
  const { names, positions, distinct } = nameLmsSubstrings(text, isS, order);
  const sortedLms =
    distinct === positions.length ? positionsByName(names, positions) : gather(positions, suffixArray(names, distinct));
  placeSortedLms(text, sortedLms, bucketEnds, order);
  induce(text, isS, bucketEnds, order);
  return order;
}

const EMPTY = -1;

/**
 * 1 where a suffix is smaller than the one after it (S type), else 0; the end of the text is smaller than everything.
 */
function classify(text: Int32Array): Uint8Array {
  const isS = new Uint8Array(text.length);
  for (let i = text.length - 2; i >= 0; i--)
    isS[i] = text[i] < text[i + 1] || (text[i] === text[i + 1] && isS[i + 1] === 1) ? 1 : 0;
  return isS;
}

/**
 * `ends[c]` is one past the last slot of the suffixes that begin with `c`; `ends[c - 1]` is therefore the first slot.
 */
function countBuckets(text: Int32Array, alphabetSize: number): Int32Array {
  const ends = new Int32Array(alphabetSize);
  for (const symbol of text) ends[symbol]++;
  for (let symbol = 1; symbol < alphabetSize; symbol++) ends[symbol] += ends[symbol - 1];
  return ends;
}

const isLms = (isS: Uint8Array, i: number): boolean => i > 0 && isS[i] === 1 && isS[i - 1] === 0;

function placeLms(text: Int32Array, isS: Uint8Array, bucketEnds: Int32Array, order: Int32Array): void {
  const next = bucketEnds.slice();
  order.fill(EMPTY);
  for (let i = 1; i < text.length; i++) if (isLms(isS, i)) order[--next[text[i]]] = i;
}

function placeSortedLms(text: Int32Array, sorted: Int32Array, bucketEnds: Int32Array, order: Int32Array): void {
  const next = bucketEnds.slice();
  order.fill(EMPTY);
  for (let i = sorted.length - 1; i >= 0; i--) order[--next[text[sorted[i]]]] = sorted[i];
}

/** From sorted leftmost S suffixes to all L suffixes (forward), then to all S suffixes (backward). */
function induce(text: Int32Array, isS: Uint8Array, bucketEnds: Int32Array, order: Int32Array): void {
  const heads = new Int32Array(bucketEnds.length);
  for (let symbol = 1; symbol < heads.length; symbol++) heads[symbol] = bucketEnds[symbol - 1];
  const last = text.length - 1;
  order[heads[text[last]]++] = last; // induced by the imaginary sentinel after the text
  for (let i = 0; i < order.length; i++) {
    const before = order[i] - 1;
    if (before >= 0 && isS[before] === 0) order[heads[text[before]]++] = before;
  }
  const tails = bucketEnds.slice();
  for (let i = order.length - 1; i >= 0; i--) {
    const before = order[i] - 1;
    if (before >= 0 && isS[before] === 1) order[--tails[text[before]]] = before;
  }
}

/** Numbers the LMS substrings in sorted order, equal ones alike; `names` is in text order. */
function nameLmsSubstrings(
  text: Int32Array,
  isS: Uint8Array,
  order: Int32Array,
): { names: Int32Array; positions: Int32Array; distinct: number } {
  const nameAt = new Int32Array(text.length).fill(EMPTY);
  let distinct = 0;
  let previous = EMPTY;
  let count = 0;
  for (const position of order) {
    if (!isLms(isS, position)) continue;
    if (previous !== EMPTY && !sameLmsSubstring(text, isS, previous, position)) distinct++;
    nameAt[position] = distinct;
    previous = position;
    count++;
  }
  const names = new Int32Array(count);
  const positions = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    if (nameAt[i] === EMPTY) continue;
    names[at] = nameAt[i];
    positions[at++] = i;
  }
  return { names, positions, distinct: count === 0 ? 0 : distinct + 1 };
}

function sameLmsSubstring(text: Int32Array, isS: Uint8Array, a: number, b: number): boolean {
  for (let offset = 0; ; offset++) {
    const [x, y] = [a + offset, b + offset];
    if (x >= text.length || y >= text.length) return false; // one runs into the end of the text
    if (text[x] !== text[y] || isS[x] !== isS[y]) return false;
    if (offset > 0) {
      const [endX, endY] = [isLms(isS, x), isLms(isS, y)];
      if (endX && endY) return true;
      if (endX !== endY) return false;
    }
  }
}

function positionsByName(names: Int32Array, positions: Int32Array): Int32Array {
  const sorted = new Int32Array(names.length);
  for (let i = 0; i < names.length; i++) sorted[names[i]] = positions[i];
  return sorted;
}

/**
 * Length of the common prefix of each suffix with its predecessor in `order` (Kasai et al. 2001, in the phi form of
 * Kärkkäinen et al. 2009). Entry 0 is 0.
 */
export function commonPrefixLengths(text: Int32Array, order: Int32Array): Int32Array {
  const length = text.length;
  const predecessor = new Int32Array(length).fill(EMPTY);
  for (let rank = 1; rank < length; rank++) predecessor[order[rank]] = order[rank - 1];
  const byPosition = predecessor; // each entry is read once, just before it is overwritten
  for (let i = 0, shared = 0; i < length; i++) {
    const other = predecessor[i];
    if (other === EMPTY) shared = 0;
    else while (i + shared < length && other + shared < length && text[i + shared] === text[other + shared]) shared++;
    byPosition[i] = shared;
    if (shared > 0) shared--;
  }
  return gather(byPosition, order);
}

function gather(values: Int32Array, indices: Int32Array): Int32Array {
  const result = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) result[i] = values[indices[i]];
  return result;
}
