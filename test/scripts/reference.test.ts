import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readEntries, readProject, type Entry, type Read } from '../../scripts/reference/project.ts';
import { renderPages } from '../../scripts/reference/render.ts';

const root = join(import.meta.dirname, 'reference');

describe('reference', () => {
  let entries: Entry[];
  let read: Read;
  let pages: Map<string, string>;
  beforeAll(async () => {
    entries = readEntries(root);
    read = await readProject(root, entries, join(root, 'tsconfig.json'));
    pages = renderPages(entries, read.modules, read.project);
  });

  it('finds the entry points of package.json', () => {
    expect(entries).toEqual([
      { name: 'sample', source: 'src/index.ts', page: 'sample.md' },
      { name: 'sample/parts', source: 'src/parts.ts', page: 'parts.md' },
    ]);
    expect([...pages.keys()].sort()).toEqual(['README.md', 'parts.md', 'sample.md']);
  });

  it('names what has no comment, and links that lead nowhere', () => {
    expect(read.problems.map((line) => line.replace(/:\d+:/, ':'))).toEqual([
      'src/index.ts: PaintOptions.coats has no comment',
      'src/index.ts: {@link nowhere} leads nowhere',
      'src/index.ts: Brush.make has no comment',
      'src/parts.ts: COLOURS has no comment',
    ]);
  });

  it('shows signatures, fields with the type that was written, and links between pages', () => {
    const page = pages.get('sample.md')!;
    expect(page).toContain(
      '```ts\nfunction paint(walls: readonly string[], options?: PaintOptions): Colour | undefined\n```',
    );
    expect(page).toContain('| `colour?` | [`Colour`](parts.md#colour) | Default `red`; `a\\|b` is none. |');
    expect(page).toContain('Types: [`Colour`](parts.md#colour), [`PaintOptions`](#paintoptions)');
    expect(page).toContain('### Brush.make()');
    expect(page).not.toContain('hairs`');
    expect(pages.get('parts.md')).toContain('type Colour = "red" | "green"');
  });
});
