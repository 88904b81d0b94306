import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
/** A network namespace of its own with nothing but the loopback. */
const alone = (command: string) =>
  spawnSync('unshare', ['--map-root-user', '--net', 'sh', '-c', `ip link set lo up && ${command}`], {
    cwd: root,
    encoding: 'utf8',
  });
const { status } = alone('true');
const reason = status === 0 ? '' : ' (skipped: unshare --net and ip are not to be had here)';

it.skipIf(status !== 0)(
  `serves, guesses and shows its page in a process without a network${reason}`,
  () => {
    const child = alone(`exec ${process.execPath} --import tsx test/server/no-network-child.ts`);
    expect(child.stderr).toBe('');
    expect(JSON.parse(child.stdout)).toEqual({ reached: false, vectors: 2, guesses: 5, page: true });
    expect(child.status).toBe(0);
  },
  60_000,
);
