import { AlbertineError } from './errors.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Bytes without a line feed after which carriage returns are taken for the line ends. Nothing is held back from a file
 * whose lines end sooner.
 */
const DECIDING_BYTES = 1 << 20;

/**
 * The bytes of a text whose lines end with a line feed, with or without a carriage return before it, as they are; those
 * of a text whose lines end with a carriage return alone (old Macintosh files, Excel's "CSV (Macintosh)") with line
 * feeds in their place. Decided once, by what comes first. Throws `invalid_data`, naming `source`, for a line feed in a
 * text that was found to have the other line ends.
 */
export async function* withLineFeeds(
  chunks: AsyncIterable<Uint8Array>,
  source = 'the input',
): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let style: 'unknown' | 'feeds' | 'returns' = 'unknown';
  const release = function* (): Generator<Uint8Array> {
    for (const chunk of held) yield style === 'returns' ? feedsForReturns(chunk, source) : chunk;
    held = [];
  };
  for await (const chunk of chunks) {
    if (style === 'feeds') {
      yield chunk;
      continue;
    }
    // Copied, because the producer may use its buffer again.
    held.push(style === 'unknown' ? Uint8Array.from(chunk) : chunk);
    heldBytes += chunk.length;
    if (style === 'unknown' && chunk.includes(LINE_FEED)) style = 'feeds';
    else if (style === 'unknown' && heldBytes > DECIDING_BYTES)
      style = held.some((part) => part.includes(CARRIAGE_RETURN)) ? 'returns' : 'feeds';
    if (style !== 'unknown') yield* release();
  }
  style = 'returns';
  yield* release();
}

function feedsForReturns(chunk: Uint8Array, source: string): Uint8Array {
  if (chunk.includes(LINE_FEED)) {
    throw new AlbertineError(
      'invalid_data',
      `${source} has mixed line ends: carriage returns alone, and then a line feed`,
      { hint: 'Make all lines end with a line feed' },
    );
  }
  return chunk.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte));
}
