import { AlbertineError, describeValue, namingSource } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { requireRealFile } from '../core/wrong-content.ts';
import { openSafetensors } from './safetensors.ts';
import type { TensorInfo, TensorSource } from './tensor-source.ts';
import { openTfCheckpoint } from './tf-checkpoint.ts';
import { openTorchFile } from './torch-bin.ts';

/** One way in which a folder offers weights. */
export interface WeightFile {
  /** What it is read as; `-shards` where an index names several files. */
  format: 'safetensors' | 'safetensors-shards' | 'pytorch' | 'pytorch-shards' | 'tensorflow';
  /** The file to open; for TensorFlow the `.index`. */
  name: string;
}

/**
 * Files in the order in which they are preferred: `model.safetensors`, its sharded form, any other single
 * `.safetensors`, `pytorch_model.bin`, its sharded form, then TensorFlow checkpoints (the one with the highest step,
 * then by name).
 */
export async function findWeights(files: FileSource): Promise<{ chosen: WeightFile; others: WeightFile[] }> {
  const names = (await files.list()).sort();
  const candidates: WeightFile[] = [];
  const add = (format: WeightFile['format'], ...found: string[]) =>
    candidates.push(...found.filter((name) => names.includes(name)).map((name) => ({ format, name })));
  add('safetensors', 'model.safetensors');
  add('safetensors-shards', 'model.safetensors.index.json');
  const loose = names.filter(
    (name) => name.endsWith('.safetensors') && name !== 'model.safetensors' && !/-\d+-of-\d+\.safetensors$/.test(name),
  );
  if (loose.length === 1) add('safetensors', loose[0]);
  add('pytorch', 'pytorch_model.bin');
  add('pytorch-shards', 'pytorch_model.bin.index.json');
  const bundles = names.filter(
    (name) =>
      name.endsWith('.index') && names.some((other) => other.startsWith(`${name.slice(0, -'.index'.length)}.data-`)),
  );
  const step = (name: string) => Number(/-(\d+)\.index$/.exec(name)?.[1] ?? -1);
  add('tensorflow', ...bundles.sort((a, b) => step(b) - step(a) || (a < b ? -1 : 1)));
  if (candidates.length === 0) {
    const indexOnly = names.find((name) => name.endsWith('.index'));
    throw new AlbertineError(
      'file_not_found',
      `${files.location} holds no weights: looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json and *.index with *.data-*`,
      {
        value: names,
        hint: indexOnly ? `${indexOnly} is there but its .data-* file is not` : 'Give the folder of a checkpoint',
      },
    );
  }
  return { chosen: candidates[0], others: candidates.slice(1) };
}

/** Opens what {@link findWeights} found. Values are read on demand. */
export async function openWeightFiles(files: FileSource, file: WeightFile): Promise<TensorSource> {
  switch (file.format) {
    case 'safetensors':
      return named(file.name, openSafetensors(files, file.name));
    case 'safetensors-shards':
      return openShards(files, file.name, openSafetensors);
    case 'pytorch':
      return named(file.name, openTorchFile(files, file.name));
    case 'pytorch-shards':
      return openShards(files, file.name, openTorchFile);
    case 'tensorflow': {
      const prefix = file.name.slice(0, -'.index'.length);
      return named(prefix, openTfCheckpoint(files, prefix));
    }
  }
}

/** A file of tensors whose errors, on opening and on reading, have its name. */
async function named<T extends TensorSource>(name: string, opening: Promise<T>): Promise<T> {
  const rethrow = (error: unknown): never => {
    throw namingSource(error, name);
  };
  const source = await opening.catch(rethrow);
  return { ...source, read: (wanted) => source.read(wanted).catch(rethrow) };
}

type OpenShard = (files: FileSource, name: string) => Promise<TensorSource>;

/** Several files as one, by the `weight_map` of their index. Every tensor of the map must be in its shard. */
async function openShards(files: FileSource, indexName: string, open: OpenShard): Promise<TensorSource> {
  const map = await readWeightMap(files, indexName);
  const shards = new Map<string, TensorSource>();
  for (const shard of new Set(map.values()))
    shards.set(
      shard,
      await named(
        shard,
        open(files, shard).catch((error: unknown) =>
          missingShard(error, { shard, indexName, location: files.location }),
        ),
      ),
    );
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shard] of map) {
    const info = shards.get(shard)!.tensors.get(name);
    if (!info)
      throw new AlbertineError('invalid_file', `${indexName} places ${name} in ${shard}, which does not have it`, {
        value: name,
      });
    tensors.set(name, info);
  }
  return {
    source: `${[...shards.values()][0]?.source.split(':')[0] ?? 'shards'}: ${indexName} (${shards.size} shards)`,
    tensors,
    read: async (names) => {
      const parts = await Promise.all(
        [...shards].map(([shard, source]) => source.read(names.filter((name) => map.get(name) === shard))),
      );
      return new Map(parts.flatMap((part) => [...part]));
    },
  };
}

function missingShard(
  error: unknown,
  { shard, indexName, location }: { shard: string; indexName: string; location: string },
): never {
  if (!(error instanceof AlbertineError) || error.code !== 'file_not_found') throw error;
  throw new AlbertineError('file_not_found', `${indexName} places tensors in ${shard}, which is not in ${location}`, {
    value: shard,
    cause: error,
    hint: 'Copy or download it too',
  });
}

async function readWeightMap(files: FileSource, indexName: string): Promise<Map<string, string>> {
  const index = await readJson(files, indexName);
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null)
    throw new AlbertineError('invalid_file', `${indexName} has no weight_map`, { value: index });
  for (const [name, shard] of Object.entries(map)) {
    // Shards lie beside their index; anything else could reach outside the checkpoint.
    if (typeof shard !== 'string' || /[/\\]/.test(shard) || shard.startsWith('.')) {
      throw new AlbertineError(
        'invalid_file',
        `${indexName} places ${name} in ${describeValue(shard)}, which is not a file of this folder`,
        { value: shard },
      );
    }
  }
  return new Map(Object.entries(map as Record<string, string>));
}

/** Reads and parses a JSON file. Throws `invalid_file` naming it. */
export async function readJson(files: FileSource, name: string): Promise<unknown> {
  const bytes = await files.read(name);
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    requireRealFile(name, bytes);
    throw new AlbertineError(
      'invalid_file',
      `${name} in ${files.location} is not JSON: it starts with ${describeValue(text.slice(0, 60))}`,
      { value: name, cause, hint: 'The file is damaged' },
    );
  }
}
