import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultThreads } from '../../src/runtime/threads.ts';

const V1 = '/sys/fs/cgroup/cpu';
const cores = availableParallelism();

/** A file system with these files only. */
const files =
  (content: Record<string, string>) =>
  (path: string): string => {
    if (!(path in content)) throw new Error(`ENOENT: ${path}`);
    return content[path];
  };

describe('defaultThreads', () => {
  it.each([
    ['no cgroup', {}, cores],
    ['version 2 without a limit', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, cores],
    ['version 2, one processor', { '/sys/fs/cgroup/cpu.max': '100000 100000\n' }, 1],
    ['version 2, one and a half', { '/sys/fs/cgroup/cpu.max': '150000 100000\n' }, 1],
    ['version 2, a tenth', { '/sys/fs/cgroup/cpu.max': '10000 100000' }, 1],
    ['version 2, more than there are', { '/sys/fs/cgroup/cpu.max': '100000000 100000' }, cores],
    [
      'version 1 without a limit',
      { [`${V1}/cpu.cfs_quota_us`]: '-1\n', [`${V1}/cpu.cfs_period_us`]: '100000\n' },
      cores,
    ],
    ['version 1, one processor', { [`${V1}/cpu.cfs_quota_us`]: '50000\n', [`${V1}/cpu.cfs_period_us`]: '50000\n' }, 1],
    ['version 1 without a period', { [`${V1}/cpu.cfs_quota_us`]: '100000\n' }, 1],
    ['nonsense', { '/sys/fs/cgroup/cpu.max': 'hello' }, cores],
    ['an empty file', { '/sys/fs/cgroup/cpu.max': '' }, cores],
  ])('%s', (_name, content: Record<string, string>, expected) => {
    expect(defaultThreads(files(content))).toBe(expected);
  });

  it('looks at this machine by default', () => {
    expect(defaultThreads()).toBeGreaterThanOrEqual(1);
    expect(defaultThreads()).toBeLessThanOrEqual(cores);
  });
});
