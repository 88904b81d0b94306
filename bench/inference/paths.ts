import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The repository, found from this file or from its compiled copy under `.runs`. */
function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}

export const ROOT = findRoot(import.meta.dirname);
/** Everything the bench makes; ignored by git. */
export const WORK = join(ROOT, '.runs', 'bench');
/** Data sets for local evaluation, where a developer has them. */
export const DATA = process.env['ALBERTINE_DATA'] ?? join(ROOT, '..', 'shared', 'data');

/** Network shapes that are measured; `soak` is base with a single depth, so that thousands of shapes take minutes. */
export const SHAPES = ['base', 'xxlarge', 'soak'] as const;
export type ShapeName = (typeof SHAPES)[number];

/** Our checkpoint of a shape. */
export const ourFolder = (shape: ShapeName): string => join(WORK, shape, 'ours');
/** Folder in which transformers.js finds a model by the shape's name. */
export const PEER_ROOT = join(WORK, 'peer');
export const peerFolder = (shape: ShapeName): string => join(PEER_ROOT, shape);

/** int8 checkpoints made with `albertine convert --to int8` beside ours: any folder whose name begins with `int8`. */
export function int8Folders(shape: ShapeName): string[] {
  const folder = join(WORK, shape);
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.startsWith('int8'))
        .sort()
        .map((name) => join(folder, name))
    : [];
}
