import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Threads this process may keep busy: the smaller of the CPU affinity mask and the cgroup's CPU quota (rounded down, at
 * least 1). Inside a container this is the container's share, not the host's cores.
 */
export function defaultThreads(readFile: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  const quota = cgroupQuota(readFile);
  return Math.max(1, Math.min(availableParallelism(), quota === undefined ? Infinity : Math.floor(quota)));
}

/** CPUs granted by the cgroup (v2, then v1), or undefined when there is no limit. */
function cgroupQuota(readFile: (path: string) => string): number | undefined {
  const read = (path: string): string | undefined => {
    try {
      return readFile(path).trim();
    } catch {
      return undefined;
    }
  };
  const v2 = read('/sys/fs/cgroup/cpu.max');
  const [quota, period] = v2 !== undefined
    ? v2.split(' ')
    : [read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? '-1', read('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? '100000'];
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined;
}
