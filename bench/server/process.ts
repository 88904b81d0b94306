import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROOT } from '../inference/paths.ts';

/** A server in a process of its own, once it has printed its address. `stderr` is passed on unless told. */
export async function startProcess(
  command: readonly string[],
  { stderr = 'inherit' }: { stderr?: 'inherit' | 'pipe' } = {},
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', stderr] });
  let printed = '';
  const url = await new Promise<string>((done, fail) => {
    child.on('exit', (code) => fail(new Error(`${command.join(' ')} ended with ${code}`)));
    child.stdout!.on('data', (data: Buffer) => {
      printed += data.toString();
      const found = /http:\/\/\S+/.exec(printed)?.[0];
      if (found) done(found);
    });
  });
  return { url, child };
}

/** Resident memory of a process in MiB (Linux). */
export const residentMiB = ({ pid }: ChildProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
