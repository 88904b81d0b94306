import { AlbertineError } from './errors.ts';
import type { FileSource } from './files.ts';

/** A {@link FileSource} over buffers; strings are stored as UTF-8. */
export function memoryFiles(files: Record<string, Uint8Array | string>, location = 'memory'): FileSource {
  const encoder = new TextEncoder();
  const find = (name: string): Uint8Array => {
    const file = files[name];
    if (file === undefined)
      throw new AlbertineError('file_not_found', `${location} has no file ${name}`, { value: name });
    return typeof file === 'string' ? encoder.encode(file) : file;
  };
  return {
    location,
    list: async () => Object.keys(files),
    size: async (name) => find(name).byteLength,
    read: async (name, start = 0, end) => find(name).subarray(start, end),
  };
}
