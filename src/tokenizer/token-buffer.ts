/**
 * Tokens of a stretch of text as parallel, growable, reusable arrays.
 * Offsets and word indices are relative to the stretch.
 */
export class TokenBuffer {
  ids: Int32Array = new Int32Array(256);
  starts: Int32Array = new Int32Array(256);
  ends: Int32Array = new Int32Array(256);
  words: Int32Array = new Int32Array(256);
  length = 0;
  /** Words begun so far. */
  wordCount = 0;

  /** Forgets the content, keeps the memory unless it is huge. */
  clear(): void {
    this.length = 0;
    this.wordCount = 0;
    if (this.ids.length > 1 << 20) this.resize(256);
  }

  /** Appends one token. */
  push(id: number, start: number, end: number, word: number): void {
    if (this.length === this.ids.length) this.resize(this.length * 2);
    this.ids[this.length] = id;
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.words[this.length++] = word;
  }

  private resize(capacity: number): void {
    for (const name of ['ids', 'starts', 'ends', 'words'] as const) {
      const larger = new Int32Array(capacity);
      larger.set(this[name].subarray(0, this.length));
      this[name] = larger;
    }
  }
}
