import { AlbertineError } from './errors.ts';
import type { FileSource } from './files.ts';

/** What is used of a browser's `File`. */
export interface DroppedFile {
  /** Name without folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Path with the folder that was chosen in front, where a folder was chosen. */
  readonly webkitRelativePath?: string;
  /** A part of it, which is read when it is asked for. */
  slice(start?: number, end?: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * A {@link FileSource} over `File`s that a user dropped on a page or chose with `<input type="file" multiple>` (or
 * `webkitdirectory`). They are read in place, as far as needed. The folder that all of them lie in is not part of their
 * names.
 */
export function droppedFiles(files: Iterable<DroppedFile>): FileSource {
  const byName = new Map<string, DroppedFile>();
  for (const file of files) byName.set((file.webkitRelativePath || file.name).replace(/^[^/]+\/(?=.)/, ''), file);
  const find = (name: string): DroppedFile => {
    const file = byName.get(name);
    if (!file)
      throw new AlbertineError('file_not_found', `the dropped files have no file ${name}`, {
        value: [...byName.keys()],
      });
    return file;
  };
  return {
    location: 'dropped files',
    list: async () => [...byName.keys()].filter((name) => !name.includes('/')),
    size: async (name) => find(name).size,
    read: async (name, start = 0, end) => new Uint8Array(await find(name).slice(start, end).arrayBuffer()),
  };
}
