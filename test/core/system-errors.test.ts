import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder, requireUsableFolder } from '../../src/core/files-node.ts';
import { explainingSystemErrors, explainSystemError, mayGoOnLater } from '../../src/core/system-errors.ts';
import { temporaryFolder } from '../cli/support.ts';

const folder = temporaryFolder();
const file = folder.path('file');
writeFileSync(file, 'content');
afterAll(() => folder.remove());

/** As Node makes them. */
const refusal = (code: string, syscall: string, more: object = {}): Error =>
  Object.assign(new Error(`${code}: something, ${syscall}`), { code, syscall, errno: -1, ...more });

describe('what the operating system refuses', () => {
  it('is told with path and advice', () => {
    expect(explainSystemError(refusal('ENOSPC', 'write'), { path: 'my-run' })).toMatchObject({
      code: 'file_system',
      value: 'my-run',
      message: 'cannot write to my-run: no space is left on the device. Free some space there, or choose another place',
      cause: { code: 'ENOSPC' },
    });
    expect(explainSystemError(refusal('EMFILE', 'open', { path: 'a/b' }), { path: 'my-run' })?.message).toBe(
      'cannot open a/b: too many files are open. Allow more of them (ulimit -n 4096), or end other programs',
    );
    expect(explainSystemError(refusal('EROFS', 'open', { path: 'out/.run.json.123.tmp' }))?.message).toMatch(
      /^cannot open out\/run.json: the file system there is read-only/,
    );
    expect(explainSystemError(refusal('EACCES', 'mkdir', { path: '/root/.model.12.0123abcd.tmp/x' }))?.message).toMatch(
      /^cannot make the folder \/root\/model\/x: permission is denied/,
    );
    expect(explainSystemError(refusal('EISDIR', 'read'), { path: 'what is written' })?.message).toMatch(
      /^cannot read a file: it is a folder/,
    );
  });

  it('is not taken for what the network refuses, or for a mistake of the program', () => {
    expect(explainSystemError(refusal('EACCES', 'listen', { address: '0.0.0.0', port: 80 }))).toBeUndefined();
    expect(explainSystemError(refusal('ERR_INVALID_ARG_TYPE', ''))).toBeUndefined();
    expect(explainSystemError(new TypeError('x is not a function'))).toBeUndefined();
    expect(explainSystemError('text')).toBeUndefined();
  });

  it('may pass, or not', async () => {
    expect(mayGoOnLater(refusal('ENOSPC', 'write'))).toBe(true);
    expect(mayGoOnLater(explainSystemError(refusal('EDQUOT', 'write')))).toBe(true);
    expect(mayGoOnLater(refusal('EROFS', 'open'))).toBe(false);
    expect(mayGoOnLater(new Error('other'))).toBe(false);
  });

  it('comes from real calls as from these', async () => {
    const explained = (work: () => Promise<unknown>): Promise<unknown> => explainingSystemErrors('somewhere', work);
    await expect(explained(() => mkdir(file))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: `cannot make the folder ${file}: a file of that name is there. Move it away, or choose another name`,
    });
    await expect(explained(() => mkdir(join(file, 'x')))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('a part of the path is a file') as string,
    });
    await expect(explained(() => readFile(folder.path('none')))).rejects.toMatchObject({
      code: 'file_not_found',
      value: folder.path('none'),
    });
    await expect(explained(() => Promise.reject(new RangeError('other')))).rejects.toThrow(RangeError);
  });
});

describe('makeFolder', () => {
  it('makes what is missing, twice or at once', async () => {
    const deep = folder.path('a/b/c');
    await Promise.all([makeFolder(deep), makeFolder(deep)]);
    await makeFolder(deep);
    expect(statSync(deep).isDirectory()).toBe(true);
  });

  it('throws where a file is in the way', async () => {
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST', path: file });
    await expect(makeFolder(join(file, 'a/b'))).rejects.toMatchObject({ code: 'EEXIST', path: file });
    expect(readFileSync(file, 'utf8')).toBe('content');
  });

  it.skipIf(!existsSync('/proc/self'))('ends where a place refuses folders (needs /proc)', async () => {
    await expect(makeFolder('/proc/albertine/output')).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'mkdir',
      path: '/proc/albertine',
    });
  });
});

describe('requireUsableFolder', () => {
  it('finds a file in the way, and makes nothing', async () => {
    await requireUsableFolder(folder.path('new/folder'));
    expect(existsSync(folder.path('new'))).toBe(false);
    await expect(requireUsableFolder(file)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: `${file} is a file, not a folder. Move it away, or choose another place`,
    });
    await expect(requireUsableFolder(join(file, 'a/b'))).rejects.toMatchObject({
      code: 'invalid_argument',
      value: join(file, 'a/b'),
      message: expect.stringMatching(/file is a file, not a folder/) as string,
    });
  });
});
