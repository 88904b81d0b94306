import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder, temporaryName, writeFileAtomic } from '../../core/files-node.ts';
import type { SampleReport } from './count-words-node.ts';
import type { SegmentCounts } from './segments.ts';
import type { UnigramCheckpoint } from './unigram-options.ts';

/** What is remembered of the counting stage. */
export interface CountedWords extends SegmentCounts {
  sample: SampleReport;
}

const WORDS_FILE = 'words.tsv.gz';
const COUNTS_FILE = 'counts.json';
const ROUND_FILE = 'round.json';

/** The stages of an unfinished training, in a folder of its own; every file is replaced atomically. */
export class TrainingState {
  readonly folder: string;
  private readonly fingerprint: string;

  /** `identity` is everything that decides the result; state saved under another identity is refused. */
  constructor(folder: string, identity: unknown) {
    this.folder = folder;
    this.fingerprint = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  }

  async saveWords({ counts, sample, prunedCharacters }: CountedWords): Promise<void> {
    await makeFolder(this.folder);
    const path = join(this.folder, WORDS_FILE);
    // JSON escapes keep tabs and line breaks out of the columns.
    const lines = function* () {
      for (const [word, count] of counts) yield `${count}\t${JSON.stringify(word)}\n`;
    };
    const temporary = temporaryName(path);
    try {
      await pipeline(
        Readable.from(batches(lines(), 4096)),
        createGzip({ level: 1 }),
        createWriteStream(temporary, { flush: true }),
      );
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await writeFileAtomic(
      join(this.folder, COUNTS_FILE),
      JSON.stringify({ fingerprint: this.fingerprint, sample, prunedCharacters, size: counts.size }),
    );
  }

  /** The counted words, or undefined when that stage was not reached. */
  async loadWords(): Promise<CountedWords | undefined> {
    const saved = await this.load<{ sample: SampleReport; prunedCharacters: number; size: number }>(COUNTS_FILE);
    if (!saved) return undefined;
    const counts = new Map<string, number>();
    const lines = createInterface({
      input: createReadStream(join(this.folder, WORDS_FILE)).pipe(createGunzip()),
      crlfDelay: Infinity,
    });
    for await (const line of lines) {
      const tab = line.indexOf('\t');
      counts.set(JSON.parse(line.slice(tab + 1)) as string, Number(line.slice(0, tab)));
    }
    if (counts.size !== saved.size) {
      throw new AlbertineError(
        'invalid_file',
        `${join(this.folder, WORDS_FILE)} should have ${saved.size} words, found ${counts.size}`,
        { value: counts.size, hint: 'Delete the folder and train again' },
      );
    }
    return { counts, sample: saved.sample, prunedCharacters: saved.prunedCharacters };
  }

  async saveRound(checkpoint: UnigramCheckpoint): Promise<void> {
    await writeFileAtomic(join(this.folder, ROUND_FILE), JSON.stringify({ fingerprint: this.fingerprint, checkpoint }));
  }

  /** The last finished pruning round, or undefined. */
  async loadRound(): Promise<UnigramCheckpoint | undefined> {
    return (await this.load<{ checkpoint: UnigramCheckpoint }>(ROUND_FILE))?.checkpoint;
  }

  /** Deletes the saved stages. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async load<T>(name: string): Promise<T | undefined> {
    const text = await readFile(join(this.folder, name), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const saved = JSON.parse(text) as T & { fingerprint: string };
    if (saved.fingerprint !== this.fingerprint) {
      throw new AlbertineError('invalid_argument', `cannot resume from ${this.folder}: files or options have changed`, {
        value: this.folder,
        hint: 'Use the options of the interrupted run, or start again without resume',
      });
    }
    return saved;
  }
}

function* batches(lines: Iterable<string>, size: number): Generator<string> {
  let batch: string[] = [];
  for (const line of lines) {
    batch.push(line);
    if (batch.length === size) {
      yield batch.join('');
      batch = [];
    }
  }
  yield batch.join('');
}
