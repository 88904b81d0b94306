import { AlbertineError } from '../core/errors.ts';
import type { TrialJob, TrialMessage } from './trial-job.ts';
import { runTrial } from './trial-run-node.ts';

/* The process of a trial: it is sent one job, and tells how it goes and how it ended. */

const controller = new AbortController();
const stop = (): void => controller.abort(new AlbertineError('interrupted', 'interrupted'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
// The study has been killed: what is done is saved for the next one.
process.on('disconnect', stop);

let sent: Promise<void> = Promise.resolve();
const tell = (message: TrialMessage): void => {
  if (process.connected) sent = new Promise((resolve) => void process.send!(message, () => resolve()));
};

process.on('message', (message: { stop: true } | { job: TrialJob }) => {
  if ('stop' in message) stop();
  else
    void runTrial(message.job, { tell, signal: controller.signal })
      .then(() => sent)
      .finally(() => process.exit());
});
