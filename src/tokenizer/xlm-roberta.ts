import { AlbertineError, describeValue } from '../core/errors.ts';
import { toBase64 } from './base64.ts';
import type { Json } from './json-fields.ts';
import type { SentencePieceModel } from './sentencepiece-model.ts';

/** Name of the vocabulary of XLM-R in its folders. */
export const XLM_ROBERTA_VOCABULARY = 'sentencepiece.bpe.model';

/**
 * Ids that fairseq, in which XLM-R was trained, gives its special tokens; a piece of the SentencePiece model then has
 * its own id plus one.
 */
const FIRST = ['<s>', '<pad>', '</s>', '<unk>'];
/** What stands at 0, 1 and 2 of the SentencePiece model instead. */
const REPLACED = ['<unk>', '<s>', '</s>'];
const MASK = '<mask>';

/**
 * The `tokenizer.json` that Hugging Face's converter makes of XLM-R's `sentencepiece.bpe.model`, whose own ids are not
 * those of the network. `<mask>` comes last. Throws `unsupported` for a model that is not laid out like XLM-R's.
 */
export function xlmRobertaTokenizerJson(model: SentencePieceModel): Json {
  const { pieces, trainer, normalizer } = model;
  const found = pieces.slice(0, REPLACED.length).map(({ piece }) => piece);
  if (trainer.algorithm !== 'unigram' || found.join(' ') !== REPLACED.join(' ')) {
    throw new AlbertineError(
      'unsupported',
      `a vocabulary of XLM-R is a Unigram model that begins with ${REPLACED.join(', ')}, got ${trainer.algorithm} with ${describeValue(found)}`,
      {
        value: found,
        hint: 'Put the tokenizer.json of the checkpoint beside it: it states the ids',
      },
    );
  }
  const vocab = [
    ...FIRST.map((token) => [token, 0]),
    ...pieces.slice(REPLACED.length).map(({ piece, score }) => [piece, score]),
    [MASK, 0],
  ];
  const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...FIRST.map((content, id) => addedToken(content, id)), addedToken(MASK, vocab.length - 1)],
    normalizer:
      normalizer.precompiledCharsmap.length > 0
        ? { type: 'Precompiled', precompiled_charsmap: toBase64(normalizer.precompiledCharsmap) }
        : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: postProcessor(),
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: FIRST.indexOf('<unk>'), vocab, byte_fallback: false },
  };
}

function addedToken(content: string, id: number): Json {
  return { id, content, single_word: false, lstrip: content === MASK, rstrip: false, normalized: false, special: true };
}

/** `<s> A </s>` and `<s> A </s> </s> B </s>`; both texts have type 0. */
function postProcessor(): Json {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id: 'A' | 'B') => ({ Sequence: { id, type_id: 0 } });
  const [start, end] = [special('<s>'), special('</s>')];
  return {
    type: 'TemplateProcessing',
    single: [start, sequence('A'), end],
    pair: [start, sequence('A'), end, end, sequence('B'), end],
    special_tokens: Object.fromEntries(
      ['<s>', '</s>'].map((token) => [token, { id: token, ids: [FIRST.indexOf(token)], tokens: [token] }]),
    ),
  };
}
