import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Turn } from './step.ts';

/**
 * A process that takes one training step whenever it is told to and waits meanwhile, so that contenders alternate step
 * by step and a slow phase of the machine hits all of them alike.
 */
export class Contender implements AsyncDisposable {
  /** Of the library, where the process says it. */
  readonly version: string;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, version: string) {
    this.child = child;
    this.lines = lines;
    this.version = version;
  }

  /**
   * Starts it and waits until it is warm; or the line of standard error that names the reason, where it ended before.
   */
  static async start(
    command: string,
    argv: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Contender | string> {
    const child = spawn(command, argv, { env: { ...process.env, ...env } });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.stdin.on('error', () => undefined); // of a process that has ended
    const failed = new Promise<string>((resolve) => child.on('error', ({ message }) => resolve(message)));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failed]);
    if (typeof first === 'string') return first;
    if (first.done) return reasonIn(stderr);
    return new Contender(child, lines, (JSON.parse(first.value) as { version?: string }).version ?? '');
  }

  /** Takes one step. */
  async step(): Promise<Turn> {
    this.child.stdin.write('\n');
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a contender ended in the middle of the bench');
    return JSON.parse(value) as Turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const closed = once(this.child, 'close');
    this.child.stdin.end();
    await closed;
  }
}

/** The last line that names an error: Python ends with it, Node puts its own version below it. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return (
    (lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1)!) || 'it failed without a word'
  );
}
