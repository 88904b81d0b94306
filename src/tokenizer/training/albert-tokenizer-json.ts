import { toBase64 } from '../base64.ts';
import type { SentencePieceModel } from '../sentencepiece-model.ts';
import type { AlbertPreparation } from '../unigram-normalizer.ts';

/** Ids of the symbols around a text, looked up by name. */
function idsOf(model: SentencePieceModel): Map<string, number> {
  return new Map(model.pieces.map(({ piece }, id) => [piece, id]));
}

/** The `tokenizer.json` of Hugging Face's fast ALBERT tokeniser for a Unigram model with `[CLS]` and `[SEP]`. */
export function albertTokenizerJson(model: SentencePieceModel, preparation: AlbertPreparation): string {
  const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true };
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(model),
    normalizer: normalizer(model, preparation),
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: postProcessor(model),
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: model.trainer.unkId,
      byte_fallback: model.trainer.byteFallback,
      vocab: model.pieces.map(({ piece, score, type }) => [piece, type === 'userDefined' ? USER_DEFINED_SCORE : score]),
    },
  });
}

/**
 * User-defined symbols are pieces that win, with the score that SentencePiece counts them with. As added tokens they
 * would be looked for before the preparation, and the text after one would begin a word.
 */
const USER_DEFINED_SCORE = -0.1;

function addedTokens(model: SentencePieceModel): unknown[] {
  return model.pieces.flatMap(({ piece, type }, id) => {
    if (type !== 'control' && type !== 'unknown') return [];
    // The space before a mask belongs to it, so that masking a word does not leave a lone space piece.
    return [
      {
        id,
        content: piece,
        single_word: false,
        lstrip: piece === '[MASK]',
        rstrip: false,
        normalized: false,
        special: true,
      },
    ];
  });
}

function normalizer(model: SentencePieceModel, preparation: AlbertPreparation): unknown {
  const steps: unknown[] = [];
  const replace = (pattern: object, content: string) => steps.push({ type: 'Replace', pattern, content });
  if (preparation.straightenQuotes) {
    replace({ String: '``' }, '"');
    replace({ String: "''" }, '"');
  }
  if (preparation.stripMarks !== false) steps.push({ type: 'NFKD' }, { type: 'StripAccents' });
  if (preparation.lowerCase) steps.push({ type: 'Lowercase' });
  const { precompiledCharsmap } = model.normalizer;
  if (precompiledCharsmap.length > 0)
    steps.push({ type: 'Precompiled', precompiled_charsmap: toBase64(precompiledCharsmap) });
  replace({ Regex: ' {2,}' }, ' ');
  return { type: 'Sequence', normalizers: steps };
}

function postProcessor(model: SentencePieceModel): unknown {
  const known = idsOf(model);
  const special = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const sequence = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } });
  if (!known.has('[CLS]') || !known.has('[SEP]')) return null;
  return {
    type: 'TemplateProcessing',
    single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
    pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
    special_tokens: Object.fromEntries(
      ['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [known.get(token)], tokens: [token] }]),
    ),
  };
}
