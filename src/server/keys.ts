import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { AlbertineError } from '../core/errors.ts';
import { readJsonFile } from '../core/files-node.ts';

/** A client that may ask. The key itself is stored nowhere. */
export interface ApiKey {
  /** For logs, and for fairness between clients. */
  name: string;
  /** SHA-256 of the key, hexadecimal. */
  sha256: string;
  /** Default: that of the server. */
  requestsPerMinute?: number;
}

/** A new key with what goes into the file of keys; it is shown once. 256 random bits need no slow hash. */
export function createApiKey(name: string): { key: string; entry: ApiKey } {
  const key = `ab-${randomBytes(32).toString('base64url')}`;
  return { key, entry: { name, sha256: hashOf(key).toString('hex') } };
}

/** Who may ask, by the hashes of their keys. */
export class ApiKeys {
  private readonly entries: readonly { entry: ApiKey; hash: Buffer }[];

  constructor(entries: readonly ApiKey[]) {
    this.entries = entries.map((entry) => ({ entry, hash: Buffer.from(entry.sha256, 'hex') }));
  }

  /** Reads `{"keys": [{"name": ..., "sha256": ...}]}`. Throws `invalid_file` saying what is wrong. */
  static async read(path: string): Promise<ApiKeys> {
    const content = (await readJsonFile(path)) as { keys?: unknown };
    const wrong = (what: string, value: unknown): AlbertineError =>
      new AlbertineError('invalid_file', `${path}: ${what}`, {
        value,
        hint: 'It is {"keys": [{"name": "...", "sha256": "64 hexadecimal digits"}]}; albertine serve --new-key NAME makes an entry',
      });
    if (!Array.isArray(content?.keys) || content.keys.length === 0) throw wrong('there are no keys in it', content);
    const keys = content.keys as ApiKey[];
    for (const [i, key] of keys.entries()) {
      if (typeof key?.name !== 'string' || key.name === '') throw wrong(`key ${i} has no name`, key);
      if (!/^[0-9a-f]{64}$/i.test(key.sha256 ?? '')) throw wrong(`the sha256 of ${key.name} is none`, key.sha256);
      if (keys.findIndex(({ name }) => name === key.name) !== i)
        throw wrong(`the name ${key.name} is there twice`, key.name);
      const { requestsPerMinute: limit } = key;
      if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1))
        throw wrong(`requestsPerMinute of ${key.name} must be a whole number of at least 1`, limit);
    }
    return new ApiKeys(keys);
  }

  /** The client whose key it is. Every entry is compared, in constant time. */
  find(key: string): ApiKey | undefined {
    const hash = hashOf(key);
    let found: ApiKey | undefined;
    for (const one of this.entries) if (timingSafeEqual(hash, one.hash)) found = one.entry;
    return found;
  }
}

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();
