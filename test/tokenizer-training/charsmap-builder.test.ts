import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Charsmap } from '../../src/tokenizer/charsmap.ts';
import { cleaningRules, compileCharsmap } from '../../src/tokenizer/training/charsmap-builder.ts';
import { createTrainingNormalizer } from '../../src/tokenizer/training/normalization.ts';

/** Longest-match rewriting, written down directly. */
function rewrite(text: string, rules: ReadonlyMap<string, string>): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    const source = [...rules.keys()].filter((key) => text.startsWith(key, at)).sort((a, b) => b.length - a.length)[0];
    const length = source?.length ?? String.fromCodePoint(text.codePointAt(at)!).length;
    result += source === undefined ? text.slice(at, at + length) : rules.get(source)!;
    at += length;
  }
  return result;
}

function rewriteWithCharsmap(text: string, charsmap: Charsmap): string {
  const match = { length: 0, replacement: '' };
  const codePointAt = (index: number) => (index < text.length ? text.codePointAt(index)! : -1);
  let result = '';
  for (let at = 0; at < text.length; at += match.length) {
    if (charsmap.longestMatch(at, codePointAt, match)) result += match.replacement;
    else {
      match.length = codePointAt(at) > 0xffff ? 2 : 1;
      result += text.slice(at, at + match.length);
    }
  }
  return result;
}

describe('compileCharsmap', () => {
  it('applies any rules by longest match', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '中', '😀', '\u200b', ' '), maxLength: 12 });
    const rules = fc.array(
      fc.tuple(
        fc.string({ unit: fc.constantFrom('a', 'b', 'é', '中', '😀'), minLength: 1, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom('x', 'é', '文'), maxLength: 3 }),
      ),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(text, rules, (input, entries) => {
        const map = new Map(entries);
        expect(rewriteWithCharsmap(input, new Charsmap(compileCharsmap(map)))).toBe(rewrite(input, map));
      }),
    );
  });

  it('has whole blocks, as SentencePiece demands, and refuses what cannot be stored', () => {
    const bytes = compileCharsmap(cleaningRules());
    expect(new DataView(bytes.buffer).getUint32(0, true) % 1024).toBe(0);
    expect(bytes.length).toBeLessThan(20_000);
    expect(compileCharsmap(new Map())).toHaveLength(0);
    expect(() => compileCharsmap(new Map([['', 'x']]))).toThrow(/needs a source/);
    expect(() => compileCharsmap(new Map([['a', '\0']]))).toThrow(/no NUL/);
  });
});

describe('createTrainingNormalizer', () => {
  it('prepares text as ALBERT and drops what is invisible', () => {
    const { normalize } = createTrainingNormalizer();
    expect(normalize("  Café\u200b ``Ｈello''\tWORLD\ufeff ")).toBe('▁cafe▁"hello"▁world');
    expect(normalize('你好，\u3000世界！\u0007')).toBe('▁你好,▁世界!');
    expect(normalize('\u200b')).toBe('');
  });

  it('leaves Chinese characters as they are', () => {
    const { normalize } = createTrainingNormalizer();
    let changed = 0;
    for (let code = 0x4e00; code <= 0x9fa5; code++)
      if (normalize(String.fromCodePoint(code)) !== `▁${String.fromCodePoint(code)}`) changed++;
    expect(changed).toBe(0);
  });

  it('does nothing but spaces when told so', () => {
    const { normalize, spec } = createTrainingNormalizer({ albertPreparation: false, charsmap: 'identity' });
    expect(normalize(' Ｃafé  x ')).toBe('▁Ｃafé▁x');
    expect(spec).toEqual({ name: 'identity', precompiledCharsmap: new Uint8Array(0) });
  });
});
