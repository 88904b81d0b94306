import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashOf, runStages, type Stage } from '../../recipes/stages.ts';

let output: string;
beforeEach(async () => {
  output = await mkdtemp(join(tmpdir(), 'stages-'));
});
afterEach(() => rm(output, { recursive: true, force: true }));

/** Stages a -> b -> c that write their setting and what they read; `setting` may be changed between runs. */
function chain(setting: Record<string, string>, run: (name: string) => void = () => undefined): Stage[] {
  return ['a', 'b', 'c/d'].map((name, i, names) => ({
    name,
    needs: i === 0 ? [] : [names[i - 1]],
    settings: () => ({ value: setting[name] }),
    run: async ({ folder, input }) => {
      run(name);
      const before = i === 0 ? '' : await readFile(join(input(names[i - 1]).folder, 'made'), 'utf8');
      await writeFile(join(folder, 'made'), before + setting[name]);
    },
    describe: async (folder) => ({ fingerprint: hashOf(await readFile(join(folder, 'made'), 'utf8')) }),
  }));
}

const SETTING = { a: '1', b: '1', 'c/d': '1' };

describe('stages of a build', () => {
  it('run once; a second call skips them', async () => {
    expect(await runStages(chain(SETTING), output)).toEqual({ a: 'ran', b: 'ran', 'c/d': 'ran' });
    expect(await readFile(join(output, 'c/d/made'), 'utf8')).toBe('111');
    expect(await runStages(chain(SETTING), output)).toEqual({ a: 'skipped', b: 'skipped', 'c/d': 'skipped' });
  });

  it('run again when their settings change, with those that read them, and keep what was there', async () => {
    await runStages(chain(SETTING), output);
    const notes: string[] = [];
    expect(await runStages(chain({ ...SETTING, b: '2' }), output, { onNote: (note) => notes.push(note) })).toEqual({
      a: 'skipped',
      b: 'ran',
      'c/d': 'ran',
    });
    expect(await readFile(join(output, 'c/d/made'), 'utf8')).toBe('121');
    expect(await readFile(join(output, 'previous/b/made'), 'utf8')).toBe('11');
    expect(notes).toContain('b: runs again, because of value');
  });

  it('leave those after them alone when what they make is the same again', async () => {
    await runStages(chain(SETTING), output);
    const stages = chain({ ...SETTING, a: '2' });
    const first: Stage = { ...stages[0], describe: () => Promise.resolve({ fingerprint: hashOf('1') }) };
    expect(await runStages([first, ...stages.slice(1)], output)).toEqual({ a: 'ran', b: 'skipped', 'c/d': 'skipped' });
  });

  it('are chosen by name, by group and from one on', async () => {
    expect(await runStages(chain(SETTING), output, { only: ['a', 'b'] })).toEqual({
      a: 'ran',
      b: 'ran',
      'c/d': 'left out',
    });
    expect(await runStages(chain(SETTING), output, { only: ['c'] })).toEqual({
      a: 'skipped',
      b: 'skipped',
      'c/d': 'ran',
    });
    expect(await runStages(chain(SETTING), output, { from: 'b' })).toEqual({ a: 'skipped', b: 'ran', 'c/d': 'ran' });
    await expect(runStages(chain(SETTING), output, { only: ['x'] })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it('refuse to read what is not finished or was made with other settings', async () => {
    await expect(runStages(chain(SETTING), output, { only: ['b'] })).rejects.toMatchObject({
      code: 'not_found',
      value: 'a',
    });
    await runStages(chain(SETTING), output);
    await expect(runStages(chain({ ...SETTING, a: '2' }), output, { only: ['b'] })).rejects.toMatchObject({
      code: 'not_found',
      value: 'a',
    });
  });

  it('take folders that were made elsewhere, now and in later calls', async () => {
    const elsewhere = join(output, 'elsewhere');
    await runStages(chain(SETTING), elsewhere);
    const built = join(output, 'built');
    expect(await runStages(chain(SETTING), built, { use: { a: join(elsewhere, 'a') } })).toEqual({
      a: 'taken',
      b: 'ran',
      'c/d': 'ran',
    });
    expect(existsSync(join(built, 'a'))).toBe(false);
    await expect(runStages(chain(SETTING), built, { use: { c: join(elsewhere, 'c') } })).rejects.toMatchObject({
      code: 'invalid_argument',
      value: 'c',
    });
    expect(await runStages(chain(SETTING), built)).toEqual({ a: 'skipped', b: 'skipped', 'c/d': 'skipped' });
  });

  it('see that a folder was overwritten: a taken one is taken as it is now, their own is made again', async () => {
    const [elsewhere, built] = [join(output, 'elsewhere'), join(output, 'built')];
    await runStages(chain(SETTING), elsewhere);
    await runStages(chain(SETTING), built, { use: { a: join(elsewhere, 'a') } });
    await writeFile(join(elsewhere, 'a/made'), '7');
    const notes: string[] = [];
    expect(await runStages(chain(SETTING), built, { onNote: (note) => notes.push(note) })).toEqual({
      a: 'taken',
      b: 'ran',
      'c/d': 'ran',
    });
    expect(notes[0]).toBe(`a: ${join(elsewhere, 'a')} does not hold what it held when the stage was finished`);
    expect(await readFile(join(built, 'c/d/made'), 'utf8')).toBe('711');
    await writeFile(join(built, 'b/made'), 'x');
    expect(await runStages(chain(SETTING), relative('.', built))).toEqual({ a: 'skipped', b: 'ran', 'c/d': 'skipped' });
    expect([
      await readFile(join(built, 'b/made'), 'utf8'),
      await readFile(join(built, 'previous/b/made'), 'utf8'),
    ]).toEqual(['71', 'x']);
    await rm(join(built, 'b/made'));
    await expect(runStages(chain(SETTING), built, { only: ['c'] })).rejects.toMatchObject({
      code: 'not_found',
      value: 'b',
    });
  });

  it('go on after an error in the same folder, and say so to the stage', async () => {
    const fail = (name: string): void => {
      if (name === 'b') throw new Error('stopped');
    };
    await expect(runStages(chain(SETTING, fail), output)).rejects.toThrow('stopped');
    const resumed: boolean[] = [];
    const stages = chain(SETTING).map((stage): Stage => ({
      ...stage,
      run: (job) => {
        resumed.push(job.resume);
        return stage.run(job);
      },
    }));
    expect(await runStages(stages, output)).toEqual({ a: 'skipped', b: 'ran', 'c/d': 'ran' });
    expect(resumed).toEqual([true, false]);
    expect(existsSync(join(output, 'previous'))).toBe(false);
  });

  it('keep a folder that is used in place for other settings, but not when they are to run once more', async () => {
    const there: boolean[] = [];
    const inPlace = (setting: Record<string, string>): Stage[] =>
      chain(setting).map((stage): Stage => ({
        ...stage,
        inPlace: true,
        run: (job) => {
          there.push(existsSync(join(job.folder, 'made')));
          return stage.run(job);
        },
      }));
    await runStages(inPlace(SETTING), output);
    await runStages(inPlace({ ...SETTING, 'c/d': '2' }), output);
    await runStages(inPlace({ ...SETTING, 'c/d': '2' }), output, { from: 'c' });
    expect(there).toEqual([false, false, false, true, false]);
    expect(await readFile(join(output, 'previous/c/d/made'), 'utf8')).toBe('112');
  });

  it('name a damaged state file', async () => {
    await writeFile(join(output, 'stages.json'), '{');
    await expect(runStages(chain(SETTING), output)).rejects.toMatchObject({ code: 'invalid_file' });
  });
});
