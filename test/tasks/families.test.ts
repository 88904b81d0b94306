import { describe, expect, it } from 'vitest';
import { openFolder } from '../../src/core/files-node.ts';
import { answerTask } from '../../src/tasks/answer/task.ts';
import { encodeOptions } from '../../src/tasks/option-pieces.ts';
import { pretrain } from '../../src/tasks/pretrain/pretrain-node.ts';
import { loadTokenizer } from '../../src/tokenizer/load.ts';
import { FAMILIES, loadFamily } from '../oracle/families.ts';

const CONTEXT = 'the night train left the station at nine and it was raining and the windows were dark';

describe.each(FAMILIES)('pairs of %s in tasks', (family) => {
  const { folder } = loadFamily(family);
  const separators = family === 'bert' ? 1 : 2;

  it('answers are looked for in the context alone, and windows cover all of it', async () => {
    const tokenizer = await loadTokenizer(await openFolder(folder));
    for (const longText of ['window', 'truncate'] as const) {
      const { pieces, truncatedTokens } = answerTask.encode(
        { question: 'a cat?', context: CONTEXT },
        { tokenizer, maxLength: 28, options: {}, longText, facts: { noAnswerThreshold: undefined } },
      );
      const question = tokenizer.encodeIds('a cat?').length;
      for (const { ids, offsets } of pieces) {
        expect(ids.length).toBeLessThanOrEqual(28);
        // Everything but <s> question </s></s> ... </s>.
        expect(offsets.map(([start]) => start >= 0)).toEqual(
          Array.from(ids, (_, i) => i >= 1 + question + separators && i < ids.length - 1),
        );
      }
      const covered = new Set(
        pieces.flatMap(({ offsets }) =>
          offsets.flatMap(([start, end]) =>
            start < 0 ? [] : Array.from({ length: end - start }, (_, i) => start + i),
          ),
        ),
      );
      expect(covered.has(CONTEXT.length - 1)).toBe(longText === 'window');
      expect(truncatedTokens > 0).toBe(longText === 'truncate');
    }
  });

  it('options count their tokens without special ones', async () => {
    const tokenizer = await loadTokenizer(await openFolder(folder));
    const [passage, option] = [tokenizer.encodeIds(CONTEXT).length, tokenizer.encodeIds('small').length];
    for (const longText of ['window', 'truncate'] as const) {
      const { pieces, tokenCount, truncatedTokens } = encodeOptions([[CONTEXT, 'small']], {
        tokenizer,
        maxLength: 24,
        longText,
        long: 'first',
      });
      expect(tokenCount).toBe(passage + option);
      for (const { ids } of pieces) expect(ids.length).toBeLessThanOrEqual(24);
      expect(truncatedTokens).toBe(longText === 'window' ? 0 : passage + option + 2 + separators - 24);
    }
  });

  it('pretraining with the order of sentences is refused before it begins', async () => {
    await expect(pretrain({ from: folder, shards: ['nowhere'], steps: 1, output: 'nowhere/run' })).rejects.toThrow(
      new RegExp(`'sop' needs an ALBERT, this checkpoint is of ${family}`),
    );
  });
});
