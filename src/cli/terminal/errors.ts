import type { Command } from 'commander';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { explainSystemError, mayGoOnLater } from '../../core/system-errors.ts';
import { isGiven, spellingOf } from '../flags/spelling.ts';
import { OutputClosed, type CliIo } from './io.ts';

/** Exit codes: 0 done, 1 failed, 2 wrong use of the command line, 130 interrupted. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command line itself is wrong: printed with a pointer to `--help`, exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** What a command was doing when it failed. */
export interface FailedCommand {
  /** Its flags, by which errors name options. */
  command?: Command;
  /** What it writes. */
  output?: string | undefined;
  /** It has `--resume`, and such an output can be continued. */
  canResume?: boolean;
}

/** Prints an error as one readable message and returns the exit code. With `debug`, also its code, value and stack. */
export function reportError(io: CliIo, error: unknown, debug: boolean, failed: FailedCommand = {}): number {
  if (error instanceof OutputClosed) return EXIT.ok;
  const advice =
    failed.canResume && mayGoOnLater(error)
      ? '. What was written before is kept: the same command with --resume goes on from there'
      : '';
  io.stderr.write(`albertine: ${messageOf(error, { debug, ...failed })}${advice}\n`);
  if (debug) io.stderr.write(details(error));
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof AlbertineError)) return EXIT.failed;
  return error.code === 'interrupted'
    ? EXIT.interrupted
    : isWrongFlag(error, failed.command)
      ? EXIT.usage
      : EXIT.failed;
}

/** Whether what is wrong is the value of a flag, and not what files or models hold. */
function isWrongFlag({ option }: AlbertineError, command: Command | undefined): boolean {
  return option !== undefined && command !== undefined && isGiven(command, option);
}

function messageOf(error: unknown, { debug, output, command }: FailedCommand & { debug: boolean }): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof AlbertineError) return command ? error.spelled(spellingOf(command)) : error.message;
  const explained = explainSystemError(error, { path: output });
  if (explained) return explained.message;
  const text = error instanceof Error ? error.message.split('\n')[0] : String(error);
  // Other system errors say what they can; anything else is a defect.
  if (typeof (error as NodeJS.ErrnoException)?.code === 'string') return text;
  return `unexpected error: ${text}${debug ? '' : ' (run again with --debug for the details)'}`;
}

function details(error: unknown): string {
  const lines: string[] = [];
  for (
    let current: unknown = error;
    current !== undefined && lines.length < 40;
    current = current instanceof Error ? current.cause : undefined
  ) {
    if (current instanceof AlbertineError)
      lines.push(
        `code: ${current.code}`,
        ...(current.value === undefined ? [] : [`value: ${describeValue(current.value, 2000)}`]),
      );
    lines.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    if (current instanceof Error && current.cause !== undefined) lines.push('caused by:');
  }
  return `${lines.join('\n')}\n`;
}
