import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { applyEdits, mapSpan, type Perturbation } from '../../src/perturbation/perturbation.ts';
import { languagesOf, PERTURBATIONS, perturbationsNamed } from '../../src/perturbation/registry.ts';

const TEXTS = {
  en: 'Maria paid 245 dollars, on Monday 3 March 2019, for a very long film in London. Was it not good?',
  zh: '王先生周一在北京买了25本书，非常满意，但是房间不干净。2019年3月5日还会再来吗？',
  mixed: '我在 iPhone 上看了 film，very good！',
  emoji: 'I 😀 love 👩‍👩‍👧 this 𝒇𝒊𝒍𝒎 so much 🎉🎉 再见😀吧',
  empty: '',
  space: ' \n ',
  marks: '?!... --- 。。。',
};
const named = (name: string): Perturbation => PERTURBATIONS.find((row) => row.name === name)!;
const apply = (row: Perturbation, text: string, severity: number, seed = 7) =>
  row.apply(text, { severity, random: createRandom(seed) });
const isWellFormed = (text: string): boolean =>
  !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

describe.each(PERTURBATIONS.map((row) => [row.name, row] as const))('%s', (_, row) => {
  const texts = Object.values(TEXTS);

  it('gives the same for the same seed, and nothing at severity 0', () => {
    for (const text of texts) {
      expect(apply(row, text, 0.5)).toEqual(apply(row, text, 0.5));
      expect(apply(row, text, 0)).toEqual({ text, edits: [] });
    }
  });

  it('says what it did: edits are in order, real, and reproduce the text', () => {
    for (const text of texts)
      for (const severity of [0.1, 0.5, 1]) {
        const { text: changed, edits } = apply(row, text, severity);
        expect(applyEdits(text, edits)).toBe(changed);
        edits.forEach((edit, i) => {
          expect(edit.start).toBeGreaterThanOrEqual(i === 0 ? 0 : edits[i - 1].end);
          expect(edit.end).toBeLessThanOrEqual(text.length);
          expect(text.slice(edit.start, edit.end)).not.toBe(edit.replacement);
        });
        expect(isWellFormed(changed)).toBe(true);
      }
  });

  it('does more at a higher severity, and what it did before too', () => {
    for (const text of texts) {
      const few = apply(row, text, 0.2).edits;
      const many = apply(row, text, 0.9).edits;
      expect(many.length).toBeGreaterThanOrEqual(few.length);
      for (const edit of few) expect(many).toContainEqual(edit);
    }
  });

  it('leaves protected stretches alone', () => {
    for (const text of [TEXTS.en, TEXTS.zh, TEXTS.emoji]) {
      const protect = [[0, Math.floor(text.length / 2)]] as const;
      const { text: changed, edits } = row.apply(text, { severity: 1, random: createRandom(1), protect });
      const [start, end] = mapSpan(protect[0], edits);
      expect(changed.slice(start, end)).toBe(text.slice(...protect[0]));
    }
  });

  it('finds something to change in the languages that it names', () => {
    for (const language of row.languages) expect(apply(row, TEXTS[language], 1).edits.length).toBeGreaterThan(0);
    expect(apply(row, '', 1)).toEqual({ text: '', edits: [] });
  });
});

describe('perturbations', () => {
  it('refuse a severity that is none', () => {
    for (const severity of [-0.1, 1.1, NaN])
      expect(() => apply(named('typos'), 'a text', severity)).toThrow(/severity/);
  });

  it('leave negations alone', () => {
    for (const name of ['deletion', 'order', 'sound-alikes', 'look-alikes'])
      for (const text of [
        'I do not like it and nobody never will, but the others cannot say why',
        '我不喜欢，但是他没有说',
      ])
        for (const word of ['not', 'nobody', 'never', 'cannot', '不', '没'].filter((one) => text.includes(one)))
          expect(apply(named(name), text, 1).text).toContain(word);
  });

  it('replace a name alike wherever it stands, in several texts too', () => {
    const [first, second] = named('names').applyAll(['Anna met Paul. Anna left.', 'Did Anna leave?'], {
      severity: 1,
      random: createRandom(3),
    });
    const name = first.text.split(' ')[0];
    expect(name).not.toBe('Anna');
    expect(first.text).toMatch(new RegExp(`^${name} met \\w+\\. ${name} left\\.$`));
    expect(second.text).toBe(`Did ${name} leave?`);
  });

  it('keep numbers as long as they were, and dates dates', () => {
    expect(apply(named('numbers'), 'It cost 1,299.50 euros in 2019 for 1 of us', 1).text).toMatch(
      /^It cost \d,\d{3}\.\d\d euros in 2019 for 1 of us$/,
    );
    expect(apply(named('dates'), '2019年3月5日', 1).text).toMatch(/^201[0-8]年\d{1,2}月\d{1,2}日$/);
  });

  it('write Chinese in the other script where characters are one to one', () => {
    expect(apply(named('script'), '这间房间很干净，后来', 1).text).toBe('這間房間很干净，后來');
    expect(apply(named('script'), '這間房間', 1).text).toBe('这间房间');
  });

  it('end a sentence before another one comes', () => {
    expect(apply(named('distractors'), 'a good film', 1).text).toMatch(/^\S.* a good film\. \S/);
    expect(apply(named('distractors'), '很好看！', 1).text).toMatch(/很好看！[^。]/);
    expect(apply(named('distractors'), '很好看', 1).text).toMatch(/很好看。./);
  });

  it('use full-width forms for half-width ones and back', () => {
    expect(apply(named('width'), 'ab 12，ＣＤ', 1).text).toBe('ａｂ １２,CD');
  });

  it('are chosen by name or by language', () => {
    expect(languagesOf(['a text', 'another'])).toEqual(['en']);
    expect(languagesOf(['一个文本', '另一个'])).toEqual(['zh']);
    expect(languagesOf(['一个文本', 'a text'])).toEqual(['en', 'zh']);
    const chinese = perturbationsNamed(undefined, ['zh']).map(({ name }) => name);
    expect(chinese).toContain('sound-alikes');
    expect(chinese).not.toContain('typos');
    expect(perturbationsNamed(undefined, ['en']).map(({ name }) => name)).not.toContain('drops');
    expect(perturbationsNamed(['all'], ['en']).map(({ name }) => name)).toContain('drops');
    expect(() => perturbationsNamed(['typo'], ['en'])).toThrow(/Did you mean typos/);
  });
});

describe('mapSpan', () => {
  const edits = [
    { start: 0, end: 0, replacement: 'xx' },
    { start: 4, end: 6, replacement: 'abc' },
    { start: 8, end: 8, replacement: '-' },
  ];
  it('moves, grows, and leaves out what is inserted at its ends', () => {
    expect(mapSpan([0, 3], edits)).toEqual([2, 5]);
    expect(mapSpan([4, 6], edits)).toEqual([6, 9]);
    expect(mapSpan([3, 8], edits)).toEqual([5, 11]);
    expect(mapSpan([8, 10], edits)).toEqual([12, 14]);
    expect(mapSpan([7, 9], edits)).toEqual([10, 13]);
  });
  it('adds up several edits inside', () => {
    const dropped = [
      { start: 2, end: 3, replacement: '' },
      { start: 5, end: 6, replacement: '' },
    ];
    expect(mapSpan([0, 6], dropped)).toEqual([0, 4]);
    expect(mapSpan([3, 6], dropped)).toEqual([2, 4]);
  });
  it('takes in an edit that reaches over an end', () => {
    expect(mapSpan([5, 7], edits)).toEqual([6, 10]);
    expect(mapSpan([2, 5], edits)).toEqual([4, 9]);
  });
});
