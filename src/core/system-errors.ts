import { AlbertineError, type ErrorCode } from './errors.ts';

interface Explanation {
  code: ErrorCode;
  /** Follows "cannot <do something>: ". */
  reason: string;
  hint: string;
}

const FULL_HINT = 'Free some space there, or choose another place';
const TOO_MANY: Explanation = {
  code: 'file_system',
  reason: 'too many files are open',
  hint: 'Allow more of them (ulimit -n 4096), or end other programs',
};
const DENIED: Explanation = {
  code: 'file_system',
  reason: 'permission is denied',
  hint: 'Change the permissions there, or choose another place',
};

/** What the operating system's refusals mean, and what to do about them. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: { code: 'file_system', reason: 'no space is left on the device', hint: FULL_HINT },
  EDQUOT: { code: 'file_system', reason: 'the quota of the disk is used up', hint: FULL_HINT },
  EFBIG: {
    code: 'file_system',
    reason: 'a file would become larger than its file system or a limit allows',
    hint: 'Choose another place, or raise the limit (ulimit -f)',
  },
  EIO: {
    code: 'file_system',
    reason: 'the device failed',
    hint: 'Check the disk and its connection, or choose another place',
  },
  EROFS: { code: 'file_system', reason: 'the file system there is read-only', hint: 'Choose another place' },
  EACCES: DENIED,
  EPERM: DENIED,
  EMFILE: TOO_MANY,
  ENFILE: TOO_MANY,
  EBUSY: {
    code: 'file_system',
    reason: 'another program is using it',
    hint: 'End that program, or choose another place',
  },
  ENOENT: { code: 'file_not_found', reason: 'there is no such file or folder', hint: 'Check the path' },
  EEXIST: {
    code: 'invalid_argument',
    reason: 'something of that name is there already',
    hint: 'Move it away, or choose another name',
  },
  ENOTDIR: {
    code: 'invalid_argument',
    reason: 'a part of the path is a file, not a folder',
    hint: 'Move the file away, or choose another path',
  },
  EISDIR: { code: 'invalid_argument', reason: 'it is a folder, not a file', hint: 'Give the path of a file' },
  ENAMETOOLONG: { code: 'invalid_argument', reason: 'a name in the path is too long', hint: 'Choose a shorter one' },
  ELOOP: {
    code: 'invalid_argument',
    reason: 'its links lead to each other',
    hint: 'Correct the links, or choose another path',
  },
};
/** For folders that are to be made. */
const FOLDER_EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  EEXIST: {
    code: 'invalid_argument',
    reason: 'a file of that name is there',
    hint: 'Move it away, or choose another name',
  },
  ENOENT: { code: 'file_system', reason: 'no folders can be made there', hint: 'Choose another place' },
};
const VERBS: Readonly<Record<string, string>> = {
  mkdir: 'make the folder',
  mkdtemp: 'make the folder',
  write: 'write to',
  writev: 'write to',
  fsync: 'write to',
  ftruncate: 'write to',
  close: 'write to',
  open: 'open',
  read: 'read',
  stat: 'read',
  lstat: 'read',
  scandir: 'read',
  opendir: 'read',
  realpath: 'read',
  rename: 'write',
  copyfile: 'write',
  unlink: 'remove',
  rm: 'remove',
  rmdir: 'remove',
};
/** Refusals that come in the middle of a job, which may go on when their cause is removed. */
const PASSING = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'];

/**
 * The operating system's refusal (Node's `ENOSPC: no space left on device, write`) as an error that names the path and
 * says what to do: code `file_system`, `file_not_found` or `invalid_argument`, the refusal as its cause. `path` is what
 * was being worked on where the refusal has none of its own. Undefined for anything else, also for what the network
 * refuses.
 */
export function explainSystemError(
  cause: unknown,
  { path }: { path?: string | undefined } = {},
): AlbertineError | undefined {
  if (!isRefusal(cause)) return undefined;
  const { code, syscall = '' } = cause;
  const {
    code: ownCode,
    reason,
    hint,
  } = (syscall.startsWith('mkd') ? FOLDER_EXPLANATIONS[code] : undefined) ?? EXPLANATIONS[code];
  const verb = VERBS[syscall] ?? 'use';
  // What was read is another file than the one being written.
  const place = cause.path !== undefined ? finalName(cause.path) : verb === 'read' ? undefined : path;
  return new AlbertineError(ownCode, `cannot ${verb} ${place ?? 'a file'}: ${reason}`, { value: place, hint, cause });
}

/** Runs `work` on `path`; the operating system's refusals come as {@link explainSystemError} has them. */
export async function explainingSystemErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainSystemError(error, { path }) ?? error;
  }
}

/**
 * True where an error, or its cause, is a full disk or the like: what was written before is still there, and the job
 * may go on later.
 */
export function mayGoOnLater(error: unknown): boolean {
  const refusal = error instanceof AlbertineError ? error.cause : error;
  return isRefusal(refusal) && PASSING.includes(refusal.code);
}

interface Refusal {
  code: string;
  syscall?: string;
  path?: string;
}

function isRefusal(error: unknown): error is Error & Refusal {
  if (!(error instanceof Error) || error instanceof AlbertineError || 'address' in error) return false;
  const { code, path } = error as { code?: unknown; path?: unknown };
  return (
    typeof code === 'string' && Object.hasOwn(EXPLANATIONS, code) && (path === undefined || typeof path === 'string')
  );
}

/**
 * The name that a file gets when it is complete: until then it is called `.name.<process>.tmp`, or a folder
 * `.name.<process>.<random>.tmp`.
 */
function finalName(path: string): string {
  return path.replace(/(^|[\\/])\.([^\\/]+?)\.\d+(?:\.[0-9a-f]{8})?\.tmp(?=$|[\\/])/, '$1$2');
}
