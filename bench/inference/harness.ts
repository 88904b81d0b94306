import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { ContenderSpec, Measured, Reply, Request, Started } from './protocol.ts';
import { WORK } from './paths.ts';

/** A running contender. */
export class Contender implements Disposable {
  readonly spec: ContenderSpec;
  readonly started: Started;
  private readonly process: ChildProcess;

  private constructor(spec: ContenderSpec, process: ChildProcess, started: Started) {
    this.spec = spec;
    this.process = process;
    this.started = started;
  }

  /** Starts a fresh process and waits for its first embedding. */
  static async start(spec: ContenderSpec): Promise<Contender> {
    const child = fork(join(WORK, 'dist', 'bench', 'inference', 'contender.js'), [JSON.stringify(spec)], {
      execArgv: [],
      serialization: 'advanced',
    });
    return new Contender(spec, child, await nextMessage<Started>(child, spec));
  }

  /** Sends work and waits for the answer. */
  async ask(request: Request): Promise<Reply> {
    this.process.send(request);
    return nextMessage<Reply>(this.process, this.spec);
  }

  [Symbol.dispose](): void {
    this.process.kill();
  }
}

function nextMessage<T>(child: ChildProcess, spec: ContenderSpec): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`${spec.name} ended with code ${code}`));
    child.once('exit', failed);
    child.once('message', (message) => {
      child.off('exit', failed);
      resolve(message as T);
    });
  });
}

/** A measurement with the share of the machine that other processes used meanwhile. */
export interface Sample extends Measured {
  otherLoad: number;
}

/** Above this share of all processors a sample counts as disturbed and is dropped if quieter ones remain. */
const DISTURBED = 0.1;
/** Idle worker threads of the last contender stop spinning before the next begins. */
const PAUSE_MS = 100;

/** Processor time that the whole machine has spent, in milliseconds. */
function machineBusyMs(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * 10;
}

/** Asks for work and adds what else the machine did. */
export async function observe(contender: Contender, request: Request): Promise<{ reply: Reply; otherLoad: number }> {
  await sleep(PAUSE_MS);
  const busy = machineBusyMs();
  const start = performance.now();
  const reply = await contender.ask(request);
  const elapsed = performance.now() - start;
  const own = reply.samples.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  return { reply, otherLoad: Math.max(0, machineBusyMs() - busy - own) / (elapsed * cpus().length) };
}

/** Median, for an odd or even number of values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value below which the given share lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Samples without the disturbed ones, unless fewer than two would remain; and how many were dropped. */
export function undisturbed<T extends { otherLoad: number }>(
  samples: readonly T[],
): { kept: readonly T[]; dropped: number } {
  const quiet = samples.filter(({ otherLoad }) => otherLoad <= DISTURBED);
  return quiet.length >= Math.min(2, samples.length)
    ? { kept: quiet, dropped: samples.length - quiet.length }
    : { kept: samples, dropped: 0 };
}

/** The order of a round: every contender leads in turn, so that none always follows the same one. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  return items.map((_, i) => items[(i + round) % items.length]);
}
