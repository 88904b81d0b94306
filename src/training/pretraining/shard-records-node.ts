import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import type { CorpusSource } from './documents-node.ts';
import type { ShardEntry } from './manifest.ts';

/** Written beside a finished shard, so that an interrupted build can go on. */
export interface ShardRecord {
  /** {@link sourceIdentity} of what it was made from. */
  identity: string;
  number: number;
  /** Documents of the source before it, with and without tokens. */
  firstRead: number;
  /** Documents read for it, with and without tokens. */
  documentsRead: number;
  characters: number;
  entry: ShardEntry;
}

/** File name of a shard. */
export function shardFile(source: string, number: number): string {
  return `${source.replaceAll('/', '-')}-${String(number).padStart(5, '0')}.tokens`;
}

/** Name of the record of a shard. */
export function recordFile(shard: string): string {
  return `${shard}.json`;
}

/**
 * Hash of everything that determines a source's shards: its files (name, size, time of change), how they are read,
 * tokeniser and options.
 */
export async function sourceIdentity(source: CorpusSource, settings: object): Promise<string> {
  const { name, textField, encoding, onError, locale } = source;
  const files = await Promise.all(
    source.paths.map(async (path) => {
      const info = await stat(path).catch((cause: unknown) => {
        throw new AlbertineError('file_not_found', `no file at ${path}`, { value: path, cause });
      });
      return [basename(path), info.size, Math.round(info.mtimeMs)];
    }),
  );
  return createHash('sha256')
    .update(JSON.stringify([settings, name, textField, encoding, onError, locale, files]))
    .digest('hex');
}

/** Records of the shards of this source that are whole and of this identity, in order; there may be gaps. */
export async function findFinishedShards(
  output: string,
  source: CorpusSource,
  identity: string,
): Promise<ShardRecord[]> {
  const records: ShardRecord[] = [];
  let missing = 0;
  // A gap of a few numbers is a torn shard or two; a longer one is the end.
  for (let number = 0; missing < 8; number++) {
    const record = await readRecord(join(output, recordFile(shardFile(source.name, number))));
    if (record?.identity === identity && record.number === number && (await isWhole(output, record.entry))) {
      records.push(record);
      missing = 0;
    } else missing++;
  }
  return records;
}

async function readRecord(path: string): Promise<ShardRecord | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ShardRecord;
  } catch {
    // Absent or torn: the shard is made again.
    return undefined;
  }
}

async function isWhole(output: string, entry: ShardEntry): Promise<boolean> {
  const content = await readFile(join(output, entry.file)).catch(() => undefined);
  return content?.byteLength === entry.bytes && createHash('sha256').update(content).digest('hex') === entry.sha256;
}
