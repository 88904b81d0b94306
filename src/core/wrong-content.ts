import { AlbertineError } from './errors.ts';

/** What stands at the beginning of files that are often found in place of the real one, and what to do about each. */
const IMPOSTORS: readonly [pattern: RegExp, what: string, hint: string][] = [
  [
    /^version https:\/\/git-lfs\.github\.com\/spec\//,
    'is a Git LFS pointer, not the file itself',
    'Run git lfs pull in the repository, or download the file',
  ],
  [
    /^\s*(<!--[\s\S]*?-->\s*)*<(!doctype\s+html|html|head|body)\b/i,
    'is an HTML page, not the file itself',
    'Download the file again: the address was that of a page about it, or of an error',
  ],
  [
    /^\s*<\?xml\b/i,
    'is an XML document, not the file itself',
    'Download the file again: a server may have answered with an error',
  ],
];

/** Bytes that {@link requireRealFile} looks at. */
export const HEAD_BYTES = 512;

/**
 * Throws `invalid_file` when a file begins as a Git LFS pointer or a web page does, which downloads leave in place of
 * weights and vocabularies.
 */
export function requireRealFile(name: string, bytes: Uint8Array): void {
  const head = new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES));
  for (const [pattern, what, hint] of IMPOSTORS) {
    if (pattern.test(head)) throw new AlbertineError('invalid_file', `${name} ${what}`, { value: name, hint });
  }
}
