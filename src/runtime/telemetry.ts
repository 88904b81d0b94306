import type { Session } from 'node:inspector/promises';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';
/** A main thread that is busy for longer than this cannot be asked; the caller then does without the native engine. */
const ANSWER_MS = 10_000;

/**
 * Keeps onnxruntime-node from recording and reporting its use to its maker, which since 1.30 it does unless
 * `ORT_DISABLE_TELEMETRY` is set in the environment of the process before its first session. A value that is set
 * already stays. Call it in Node, before the package is loaded. Rejects when the variable cannot be set: the package
 * must not be loaded then.
 */
export async function disableTelemetry(): Promise<void> {
  process.env[VARIABLE] ??= '1';
  if (process.getBuiltinModule('node:worker_threads').isMainThread) return;
  // A worker's process.env is a copy that native code does not see; only the main thread's is the environment of the
  // process.
  try {
    await evaluateInMainThread(`process.env[${JSON.stringify(VARIABLE)}] ??= ${JSON.stringify(process.env[VARIABLE])}`);
  } catch (cause) {
    throw new Error(
      `its telemetry cannot be turned off from this worker thread; start the process with ${VARIABLE}=1`,
      { cause },
    );
  }
}

/** Also where the main thread waits for this one with `Atomics.wait`, which a message would not get through. */
async function evaluateInMainThread(expression: string): Promise<void> {
  const { Session } = process.getBuiltinModule('node:inspector/promises');
  const session = new Session();
  session.connectToMainThread();
  try {
    await answerOf(session, expression);
  } finally {
    session.disconnect();
  }
}

async function answerOf(session: Session, expression: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // The timer also keeps this thread alive, which a pending question does not.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the main thread does not answer')), ANSWER_MS);
  });
  try {
    const { exceptionDetails } = await Promise.race([session.post('Runtime.evaluate', { expression }), late]);
    if (exceptionDetails) throw new Error(exceptionDetails.text);
  } finally {
    clearTimeout(timer);
  }
}
