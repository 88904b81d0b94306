/**
 * Text under normalisation: UTF-16 code units, each with the half-open range of the source that it came from.
 * A growable, reusable buffer, so that normalising costs no allocation a word.
 */
export class AlignedText {
  units: Uint16Array = new Uint16Array(256);
  starts: Int32Array = new Int32Array(256);
  ends: Int32Array = new Int32Array(256);
  length = 0;

  /** Forgets the content, keeps the memory unless it is huge. */
  clear(): void {
    this.length = 0;
    if (this.units.length > 1 << 20) this.resize(256);
  }

  /** Makes room for `extra` more units. */
  reserve(extra: number): void {
    if (this.length + extra > this.units.length) this.resize(Math.max(this.units.length * 2, this.length + extra));
  }

  /** Appends one code unit that stands for source `[start, end)`. */
  push(unit: number, start: number, end: number): void {
    if (this.length === this.units.length) this.resize(this.length * 2);
    this.units[this.length] = unit;
    this.starts[this.length] = start;
    this.ends[this.length++] = end;
  }

  /** Appends a string, every unit of which stands for source `[start, end)`. */
  pushString(text: string, start: number, end: number): void {
    for (let i = 0; i < text.length; i++) this.push(text.charCodeAt(i), start, end);
  }

  /** Appends a code point that stands for source `[start, end)`. */
  pushCodePoint(codePoint: number, start: number, end: number): void {
    if (codePoint < 0x10000) this.push(codePoint, start, end);
    else {
      this.push(0xd800 + ((codePoint - 0x10000) >> 10), start, end);
      this.push(0xdc00 + ((codePoint - 0x10000) & 0x3ff), start, end);
    }
  }

  /** The units `[start, end)` as a string. */
  toString(start = 0, end = this.length): string {
    let text = '';
    for (let i = start; i < end; i += 4096)
      text += String.fromCharCode(...this.units.subarray(i, Math.min(end, i + 4096)));
    return text;
  }

  private resize(capacity: number): void {
    const { units, starts, ends } = this;
    this.units = new Uint16Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.units.set(units.subarray(0, this.length));
    this.starts.set(starts.subarray(0, this.length));
    this.ends.set(ends.subarray(0, this.length));
  }
}
