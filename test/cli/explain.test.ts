import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSineClassifier } from '../analysis/sine-classifier.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { run } from './support.ts';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);
let model: string;
beforeAll(async () => {
  model = await writeSineClassifier(path('model'), { pairs: false });
});
afterAll(() => folder.remove());

interface Line {
  index: number;
  label: string;
  class: string;
  method: string;
  completeness?: { complete: boolean; steps: number };
  attributions: { text: string; start: number; end: number; attribution: number; side?: string }[];
  counterfactual?: { found: boolean; text: string; queries: number };
  faithfulness?: { deletion: number; randomDeletion: number };
}
const lines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const explain = (...argv: string[]) => run(['explain', model, ...argv, '--threads', '1']);

describe('albertine explain', () => {
  it('writes a line of attributions a text, and what it took', async () => {
    const { code, stdout, stderr } = await explain('a good old film', 'very bad music');
    expect(code).toBe(0);
    const [first, second] = lines(stdout);
    expect(first).toMatchObject({ index: 0, method: 'integrated-gradients', completeness: { complete: true } });
    expect(first.class).toBe(first.label);
    expect(first.attributions.map(({ text, start, end }) => [text, start, end])).toEqual([
      ['a', 0, 1],
      ['good', 2, 6],
      ['old', 7, 10],
      ['film', 11, 15],
    ]);
    expect(second.index).toBe(1);
    expect(stderr).toMatch(/2 texts explained; up to \d+ steps, off by at most/);
    expect(stderr).toMatch(/model=\w+;tokenizer=\w+;dtype=f32;length=\d+/);
  });

  it('has every method, class and unit', async () => {
    for (const method of ['gradient-x-input', 'attention-rollout', 'occlusion']) {
      const [line] = lines((await explain('a good film', '--method', method, '--unit', 'character', '-q')).stdout);
      expect(line.method).toBe(method);
      expect(line.attributions).toHaveLength('agoodfilm'.length);
    }
    const [line] = lines((await explain('a good film', '--class', 'c', '--baseline', 'zero', '--steps', '7')).stdout);
    expect(line).toMatchObject({ class: 'c', completeness: { steps: 7 } });
  });

  it('reads a file, measures faithfulness, searches edits and makes a page', async () => {
    writeFileSync(path('in.csv'), 'text,label\na good film,a\n<b>very bad</b> music & a long plot,b\n');
    const { code, stderr, stdout } = await explain(
      path('in.csv'),
      '--faithfulness',
      '--counterfactual',
      '--candidates',
      'none',
      '--html',
      path('page.html'),
      '-o',
      path('out.jsonl'),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const found = lines(readFileSync(path('out.jsonl'), 'utf8'));
    expect(found).toHaveLength(2);
    for (const { faithfulness, counterfactual } of found) {
      expect(faithfulness!.deletion).toBeGreaterThan(0);
      expect(counterfactual!.queries).toBeGreaterThan(1);
    }
    expect(stderr).toMatch(/deletion +0\.\d{4} \(95 %: .*random ranking 0\.\d{4}/);
    const page = readFileSync(path('page.html'), 'utf8');
    expect(page).toContain('<mark style="background:rgba(var(--for)');
    expect(page).toContain('&#60;');
    expect(page).not.toContain('<b>very');
    expect(page).not.toMatch(/<script|https?:\/\//);
    // Nothing is written over.
    const again = await explain('a film', '-o', path('out.jsonl'));
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/exists already.*--overwrite/);
  });

  it('explains pairs by their side', async () => {
    const pairs = await writeSineClassifier(path('pairs'), { pairs: true });
    const { stdout } = await run(['explain', pairs, 'a film', '--pair', 'the plot', '--threads', '1', '-q']);
    expect(lines(stdout)[0].attributions.map(({ text, side }) => [text, side])).toEqual([
      ['a', 'text'],
      ['film', 'text'],
      ['the', 'pair'],
      ['plot', 'pair'],
    ]);
    writeFileSync(path('pairs.jsonl'), '{"one":"a film","two":"the plot"}\n');
    const fields = ['--input', path('pairs.jsonl'), '--text-field', 'one', '--pair-field', 'two'];
    const fromFile = await run(['explain', pairs, ...fields, '--threads', '1', '-q']);
    expect(lines(fromFile.stdout)).toEqual(lines(stdout));
    expect((await run(['explain', pairs, 'a film', '--threads', '1'])).stderr).toMatch(/fine-tuned on pairs/);
  });

  it('refuses what cannot be explained and flags that would do nothing, in one line', async () => {
    const refused: [string[], RegExp, number][] = [
      [['a film', '--class', 'z'], /the model has no label "z". There are a, b, c/, 2],
      [['a film', '--method', 'attention-rollout', '--class', 'a'], /--class does nothing/, 2],
      [['a film', '--method', 'occlusion', '--baseline', 'zero'], /zero is none/, 2],
      [['a film', '--method', 'occlusion', '--steps', '4'], /the method occlusion has no steps/, 2],
      [['a film', '--to', 'b'], /--to is for --counterfactual/, 2],
      [['a film', '--pair', 'another'], /fine-tuned on single texts/, 1],
      [['a film', '-o', path('x.csv')], /--output must end in .jsonl/, 2],
    ];
    for (const [argv, message, code] of refused) {
      const result = await explain(...argv);
      expect(result.stderr).toMatch(message);
      expect({ argv, code: result.code }).toEqual({ argv, code });
    }
    expect(existsSync(path('x.csv'))).toBe(false);
    const none = await run(['explain', 'albertine-nano-en-zh', 'a film', '--threads', '1']);
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toMatch(/no classifier head.*albertine finetune classify/);
  });
});
