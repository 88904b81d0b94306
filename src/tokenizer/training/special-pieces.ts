import { AlbertineError } from '../../core/errors.ts';
import type { SentencePiece } from '../sentencepiece-model.ts';

/** Which reserved symbols a vocabulary has and where. */
export interface SpecialPieceOptions {
  /** Ids of the meta pieces; -1 leaves one out (`unkId` must exist). ALBERT: pad 0, unk 1, no bos and eos. */
  padId: number;
  /** Id of the unknown piece. */
  unkId: number;
  /** Id of the beginning of a sentence; -1 for none. */
  bosId: number;
  /** Id of the end of a sentence; -1 for none. */
  eosId: number;
  /** Pieces that text never produces, at the lowest free ids. ALBERT: `[CLS]`, `[SEP]`, `[MASK]`. */
  controlSymbols: readonly string[];
  /** Strings that always are one piece wherever they occur. They follow the control symbols. */
  userDefinedSymbols: readonly string[];
  /** Adds the 256 pieces `<0x00>` to `<0xFF>`, so that unknown characters become their UTF-8 bytes. */
  byteFallback: boolean;
}

/** The layout of Google's ALBERT: `<pad>` 0, `<unk>` 1, `[CLS]` 2, `[SEP]` 3, `[MASK]` 4. */
export const ALBERT_SPECIAL_PIECES: SpecialPieceOptions = {
  padId: 0,
  unkId: 1,
  bosId: -1,
  eosId: -1,
  controlSymbols: ['[CLS]', '[SEP]', '[MASK]'],
  userDefinedSymbols: [],
  byteFallback: false,
};

/** Reserved pieces by id; ids may have gaps, which ordinary pieces fill. Throws `invalid_argument` for clashes. */
export function layOutSpecialPieces(options: SpecialPieceOptions): Map<number, SentencePiece> {
  const layout = new Map<number, SentencePiece>();
  const names = new Set<string>();
  const put = (id: number, piece: string, type: SentencePiece['type']) => {
    if (piece === '')
      throw new AlbertineError('invalid_argument', 'a special piece must not be empty', { value: piece });
    if (layout.has(id))
      throw new AlbertineError(
        'invalid_argument',
        `special pieces ${layout.get(id)!.piece} and ${piece} both want id ${id}`,
        { value: id },
      );
    if (names.has(piece))
      throw new AlbertineError('invalid_argument', `special piece ${JSON.stringify(piece)} is listed twice`, {
        value: piece,
      });
    names.add(piece);
    layout.set(id, { piece, score: 0, type });
  };
  if (options.unkId < 0)
    throw new AlbertineError('invalid_argument', `unkId must not be negative, got ${options.unkId}`, {
      value: options.unkId,
    });
  put(options.unkId, '<unk>', 'unknown');
  for (const [id, piece] of [
    [options.padId, '<pad>'],
    [options.bosId, '<s>'],
    [options.eosId, '</s>'],
  ] as const)
    if (id >= 0) put(id, piece, 'control');
  let next = 0;
  const append = (piece: string, type: SentencePiece['type']) => {
    while (layout.has(next)) next++;
    put(next, piece, type);
  };
  for (const piece of options.controlSymbols) append(piece, 'control');
  for (const piece of options.userDefinedSymbols) append(piece, 'userDefined');
  if (options.byteFallback)
    for (let byte = 0; byte < 256; byte++) append(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 'byte');
  return layout;
}

/** Puts ordinary pieces (best first) around the reserved ones. */
export function mergeSpecialPieces(
  layout: ReadonlyMap<number, SentencePiece>,
  ordinary: readonly SentencePiece[],
): SentencePiece[] {
  const pieces: SentencePiece[] = [];
  let next = 0;
  for (let id = 0; id < layout.size + ordinary.length; id++) {
    const reserved = layout.get(id);
    if (reserved) pieces.push({ ...reserved });
    else if (next < ordinary.length) pieces.push(ordinary[next++]);
    else
      throw new AlbertineError(
        'invalid_argument',
        `special piece ids must lie below the vocabulary size, ${layout.size + ordinary.length}`,
        { value: [...layout.keys()] },
      );
  }
  return pieces;
}
