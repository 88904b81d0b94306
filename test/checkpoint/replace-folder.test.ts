import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishFolder, writeFolder } from '../../src/checkpoint/save-node.ts';
import { openFolder } from '../../src/core/files-node.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'albertine-replace-')), 'model');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const contents = (mark: string, ...names: string[]): [string, string[]][] => names.map((name) => [name, [mark]]);
const read = async (name: string): Promise<string> =>
  new TextDecoder().decode(await (await openFolder(folder)).read(name));

describe('the files of a folder', () => {
  it('are all old until the new ones are complete, and nothing stays of an error', async () => {
    await writeFolder(folder, contents('old', 'model.safetensors', 'config.json', 'modules.json'));
    writeFileSync(join(folder, 'run.json'), 'mine');
    await expect(
      writeFolder(folder, [...contents('new', 'model.safetensors'), ['config.json', failing()]]),
    ).rejects.toThrow(/the disk is full/);
    expect([await read('model.safetensors'), await read('config.json'), readdirSync(folder).sort()]).toEqual([
      'old',
      'old',
      ['config.json', 'model.safetensors', 'modules.json', 'run.json'],
    ]);
    await writeFolder(folder, contents('new', 'model.safetensors', 'config.json', '1_Pooling/config.json'));
    expect(readdirSync(folder).sort()).toEqual(['1_Pooling', 'config.json', 'model.safetensors', 'run.json']);
    expect([await read('model.safetensors'), await read('config.json'), await read('run.json')]).toEqual([
      'new',
      'new',
      'mine',
    ]);
    await expect(
      publishFolder(join(folder, '../fresh'), async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(readdirSync(join(folder, '..'))).toEqual(['model']);
  });

  it('are all new for a reader where a process was killed while it moved them, and the next writer moves the rest', async () => {
    await writeFolder(folder, contents('old', 'config.json', 'modules.json', 'spiece.model'));
    // model.safetensors has been moved already.
    writeFileSync(join(folder, 'model.safetensors'), 'new');
    mkdirSync(join(folder, '.albertine-new'));
    writeFileSync(join(folder, '.albertine-new', 'config.json'), 'new');
    writeFileSync(join(folder, '.albertine-new', '.removed'), 'modules.json');
    expect([await read('model.safetensors'), await read('config.json'), await read('spiece.model')]).toEqual([
      'new',
      'new',
      'old',
    ]);
    await expect(read('modules.json')).rejects.toMatchObject({ code: 'file_not_found' });
    expect((await (await openFolder(folder)).list()).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'spiece.model',
    ]);
    await writeFolder(folder, contents('newer', 'spiece.model'));
    expect([
      await read('config.json'),
      await read('spiece.model'),
      existsSync(join(folder, '.albertine-new')),
      existsSync(join(folder, 'modules.json')),
    ]).toEqual(['new', 'newer', false, false]);
  });
});

function* failing(): Generator<string> {
  yield 'ne';
  throw new Error('the disk is full');
}
