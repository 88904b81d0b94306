import { AlbertineError, namingSource } from '../../core/errors.ts';
import { prose } from '../../core/prose.ts';
import type { TextRow } from '../../data/read-node.ts';
import type { TextInput } from './text-input.ts';

/** Options of {@link TextFeed}. */
export interface FeedOptions {
  signal: AbortSignal;
  /** Says what is wrong with a text, before anything is computed for its look-ahead window; throws. */
  check?: ((text: string) => void) | undefined;
}

/**
 * The texts of an input as an embedding stream takes them: passes over those that an interrupted run has done already,
 * checks each one, remembers its row number, and stops waiting (for a slow pipe, say) when the user interrupts.
 */
export class TextFeed implements AsyncIterable<string> {
  /** Texts to pass over; set before the first text is taken. */
  skip = 0;
  /** Texts passed over so far. */
  skipped = 0;
  /** Texts handed out, those passed over not counted. */
  taken = 0;
  /** Row numbers of the texts handed out whose results have not been taken yet, in order, and how many have been. */
  private readonly rowNumbers: number[] = [];
  private resultsTaken = 0;
  private readonly input: TextInput;
  private readonly options: FeedOptions;

  constructor(input: TextInput, options: FeedOptions) {
    this.input = input;
    this.options = options;
  }

  /** The row number of the next result; to be called once for each, in order. */
  takeRow(): number | undefined {
    this.resultsTaken++;
    return this.rowNumbers.shift();
  }

  /** The error with its input and row, if it is about one text by its place among those handed out. */
  namingRow(error: unknown): unknown {
    if (!(error instanceof AlbertineError) || error.code !== 'not_finite' || typeof error.value !== 'number')
      return error;
    const row = this.rowNumbers[error.value - this.resultsTaken];
    return row === undefined ? error : namingSource(error, `${this.input.name}, row ${row}`);
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    const rows = untilAborted(this.input, this.options.signal)[Symbol.asyncIterator]();
    return {
      next: () => this.nextText(rows),
      return: async () => {
        await rows.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  private async nextText(rows: AsyncIterator<TextRow>): Promise<IteratorResult<string>> {
    for (;;) {
      const next = await rows.next();
      if (next.done) return { done: true, value: undefined };
      if (!this.isUsable(next.value)) continue;
      if (this.skip > 0) {
        this.skip--;
        this.skipped++;
        continue;
      }
      this.taken++;
      this.rowNumbers.push(next.value.number);
      return { done: false, value: next.value.text };
    }
  }

  private isUsable(row: TextRow): boolean {
    try {
      this.options.check?.(row.text);
      return true;
    } catch (cause) {
      if (!(cause instanceof AlbertineError)) throw cause;
      this.input.reject(row, () =>
        cause.restated((statement) => prose`${this.input.name}, row ${row.number}: ${statement}`, {
          value: row.number,
          cause,
        }),
      );
      return false;
    }
  }
}

/**
 * The items of a source; stops waiting for the next one (of a slow pipe, say) when the signal is aborted, and throws
 * its reason.
 */
export function untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const items = source[Symbol.asyncIterator]();
      return {
        next: () => orAborted(() => items.next(), signal),
        // A generator that waits for input cannot be returned from; the process ends soon in that case.
        return: async () => {
          const returned = items.return?.();
          if (!signal.aborted) await returned;
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Not a race with one promise that all items share: that promise would keep every item until it settles. */
function orAborted<T>(wait: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    wait()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop));
  });
}
