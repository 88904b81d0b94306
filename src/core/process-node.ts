import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Starts a process on a module of ours, with a channel for messages; what it writes to standard error can be read, its
 * standard output is dropped. `entry` is its URL as compiled, `new URL('./name-node.js', import.meta.url)`; from TypeScript
 * sources (development, tests) the process loads the source through tsx.
 */
export function startProcess(entry: URL): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts');
  return fork(fileURLToPath(isSource ? entry.href.replace(/\.js$/, '.ts') : entry), [], {
    execArgv: isSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}
