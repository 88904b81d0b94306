/**
 * Threads this process may keep busy: the smaller of the CPU affinity mask and the cgroup's CPU quota (rounded down, at
 * least 1). Inside a container this is the container's share, not the host's cores. In a browser, its logical
 * processors.
 */
export function defaultThreads(readFile: (path: string) => string = readTextFile): number {
  const quota = cgroupQuota(readFile);
  return Math.max(1, Math.min(parallelism(), quota === undefined ? Infinity : Math.floor(quota)));
}

/** Node's modules are looked up when needed, not imported, because browsers load this file too. */
function nodeModule<Name extends 'node:fs' | 'node:os'>(name: Name): NodeModules[Name] | undefined {
  return typeof process === 'undefined'
    ? undefined
    : (process.getBuiltinModule?.(name) as NodeModules[Name] | undefined);
}

interface NodeModules {
  'node:fs': { readFileSync(path: string, encoding: 'utf8'): string };
  'node:os': { availableParallelism(): number };
}

function readTextFile(path: string): string {
  const fs = nodeModule('node:fs');
  if (!fs) throw new Error('no file system');
  return fs.readFileSync(path, 'utf8');
}

function parallelism(): number {
  const os = nodeModule('node:os');
  if (os) return os.availableParallelism();
  return (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1;
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
  const [quota, period] =
    v2 !== undefined
      ? v2.split(' ')
      : [read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? '-1', read('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? '100000'];
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined;
}
