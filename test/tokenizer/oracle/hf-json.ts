import type { SentencePieceModel } from '../../../src/tokenizer/sentencepiece-model.ts';

/** The `tokenizer.json` that HF's AlbertConverter makes of a `spiece.model`. */
export function albertTokenizerJson(model: SentencePieceModel, whitespaceSplit = true): object {
  const id = (piece: string): number => model.pieces.findIndex((entry) => entry.piece === piece);
  const penalised = (piece: string): boolean => piece.length > 1 && piece.endsWith(',') && /\d/.test(piece.at(-2)!);
  const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true };
  const special = ['<pad>', '<unk>', '[CLS]', '[SEP]', '[MASK]'].filter((token) => id(token) >= 0);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: content === '[MASK]',
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { String: '``' }, content: '"' },
        { type: 'Replace', pattern: { String: "''" }, content: '"' },
        { type: 'NFKD' },
        { type: 'StripAccents' },
        { type: 'Lowercase' },
        {
          type: 'Precompiled',
          precompiled_charsmap: Buffer.from(model.normalizer.precompiledCharsmap).toString('base64'),
        },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ],
    },
    pre_tokenizer: whitespaceSplit
      ? { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] }
      : metaspace,
    post_processor: template(id('[CLS]'), id('[SEP]')),
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: model.pieces.findIndex(({ type }) => type === 'unknown'),
      byte_fallback: false,
      vocab: model.pieces.map(({ piece, score }) => [piece, penalised(piece) ? score - 100 : score]),
    },
  };
}

/** The `tokenizer.json` that HF's BertConverter makes of a `vocab.txt`. */
export function bertTokenizerJson(vocabulary: string[], lowerCase = true): object {
  const ids = Object.fromEntries(vocabulary.map((piece, i) => [piece, i]));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((content) => ({
      id: ids[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: lowerCase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(ids['[CLS]'], ids['[SEP]']),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: ids,
    },
  };
}

function template(cls: number, sep: number): object {
  const token = (id: string, type: number): object => ({ SpecialToken: { id, type_id: type } });
  const sequence = (id: string, type: number): object => ({ Sequence: { id, type_id: type } });
  return {
    type: 'TemplateProcessing',
    single: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0)],
    pair: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0), sequence('B', 1), token('[SEP]', 1)],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [cls], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [sep], tokens: ['[SEP]'] },
    },
  };
}
