import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceTrie } from '../../src/tokenizer/piece-trie.ts';

/** The values along the path of `text`, by a map. */
function prefixesByMap(pieces: readonly string[], text: string): number[] {
  const valueOf = new Map(pieces.map((piece, i) => [piece, i * 3]));
  const values: number[] = [];
  for (let end = 1; end <= text.length && pieces.some((piece) => piece.startsWith(text.slice(0, end))); end++)
    values.push(valueOf.get(text.slice(0, end)) ?? -1);
  return values;
}

function prefixesByTrie(trie: PieceTrie, text: string): number[] {
  const values: number[] = [];
  for (let node = 0, end = 0; end < text.length; end++) {
    node = trie.child(node, text.charCodeAt(end));
    if (node === 0) break;
    values.push(trie.values[node]);
  }
  return values;
}

describe('PieceTrie', () => {
  it('finds what a map finds, in any order of asking', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', '\u2581', '\u4e2d', '\ud83d', '\ude00', '\uffff', '\0'),
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 120 }), fc.array(text, { maxLength: 20 }), (pieces, asked) => {
        const trie = new PieceTrie(
          pieces,
          pieces.map((_, i) => i * 3),
        );
        for (const one of [...asked, ...pieces, ...asked]) {
          expect(prefixesByTrie(trie, one)).toEqual(prefixesByMap(pieces, one));
          expect(trie.find(one)).toBe(one === '' ? -1 : pieces.lastIndexOf(one) < 0 ? -1 : pieces.lastIndexOf(one) * 3);
        }
      }),
    );
  });

  it('sorts nodes with thousands of children', () => {
    const pieces = Array.from({ length: 20_000 }, (_, i) => `x${String.fromCharCode(0x4e00 + ((i * 7919) % 20_000))}`);
    const trie = new PieceTrie([...pieces, 'x', 'x']);
    expect(pieces.every((piece, i) => trie.find(piece) === i)).toBe(true);
    expect(trie.find('x')).toBe(20_001);
    expect(trie.find('y')).toBe(-1);
  });
});
