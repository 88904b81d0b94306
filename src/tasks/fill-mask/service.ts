import { short } from '../../data/json.ts';
import type { Albert } from '../../loaded/albert.ts';
import { COUNT, objectSchema, TEXT, type HuggingFaceForm, type TaskService } from '../service.ts';
import { FillMask, type FilledText, type FillOptions, type MaskGuess } from './fill-mask.ts';

/** Words in the places of masks. */
export const fillMaskService = (model: Albert): TaskService => {
  const filler = FillMask.from(model);
  return {
    async answer(inputs, options) {
      const texts = await filler.fill(inputs as readonly string[], options as FillOptions);
      return texts.map(({ tokenCount, truncatedTokens, masks, text }) => ({
        record: { masks: masks.map((mask) => ({ ...mask, guesses: mask.guesses.map(plain) })), text },
        counts: { tokenCount, truncatedTokens, windows: 1 },
      }));
    },
    huggingFace: fillMaskForm(model),
  };
};

const plain = (guess: MaskGuess): MaskGuess => ({ ...guess, score: short(Math.fround(guess.score)) });

/** Hugging Face's `fill-mask`: guesses of a text with one mask, a list for each mask where there are several. */
const fillMaskForm = ({ tokenizer }: Albert): HuggingFaceForm => ({
  task: 'fill-mask',
  inputs: TEXT,
  parameters: objectSchema({ top_k: COUNT, targets: { type: 'array', items: TEXT } }),
  ask: (inputs, { top_k, targets }) => ({
    inputs: [inputs],
    options: { ...(top_k !== undefined && { topK: top_k }), ...(targets !== undefined && { candidates: targets }) },
  }),
  respond([{ record }], { inputs }) {
    const { masks } = record as unknown as FilledText;
    const guess = ({ start, end }: { start: number; end: number }, { text, score, token }: MaskGuess): object => ({
      score,
      token: token === undefined ? -1 : (tokenizer.tokenToId(token) ?? -1),
      token_str: text,
      sequence: (inputs as string).slice(0, start) + text + (inputs as string).slice(end),
    });
    const lists = masks.map((mask) => mask.guesses.map((one) => guess(mask, one)));
    return lists.length === 1 ? lists[0] : lists;
  },
});
