import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { AlbertineError } from '../core/errors.ts';
import type { App } from './app-type.ts';

/** Reads JSON of UTF-8, and says what else a body is. */
export function readBodies(app: App): void {
  app.addHook('preParsing', async (request) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding === 'identity' || request.is404) return;
    const message = `compressed bodies are not read (content-encoding ${encoding}): send the JSON as it is`;
    throw Object.assign(new Error(message), { statusCode: 415 });
  });
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    // Bytes that are no UTF-8 would be read as other characters than were sent.
    if (!isUtf8(body)) return void done(new AlbertineError('invalid_argument', 'the body is not UTF-8'));
    const text = body.toString('utf8');
    // It gives the result at once and no promise.
    void parse(request, text, (error, value) => {
      if (error && text !== '') done(wrongJson(text), undefined);
      else done(error, value);
    });
  });
  app.addContentTypeParser('*', (request, _payload, done) => {
    const { 'content-type': type = '' } = request.headers;
    const message = `a body of the type ${JSON.stringify(type)} is not read: send JSON, with content-type: application/json`;
    done(Object.assign(new Error(message), { statusCode: 415 }));
  });
}

/** Why a body was not read: it is no JSON, or it has names that programs in JavaScript must not take over. */
function wrongJson(text: string): AlbertineError {
  try {
    JSON.parse(text);
  } catch (cause) {
    return new AlbertineError('invalid_argument', `the body is not JSON: ${(cause as Error).message}`, { cause });
  }
  return new AlbertineError(
    'invalid_argument',
    'a body may have no field "__proto__", and no "constructor" with a "prototype"',
    { hint: 'Leave it out' },
  );
}

/** What is read and thrown away of a body that is refused, at most. */
const [MOST_BYTES, MOST_MS] = [64 * 2 ** 20, 10_000];

/**
 * Waits until a client has sent the body that it is sending, and throws it away: many read no answer before, and a
 * connection that is closed meanwhile takes the answer with it. Beyond some bytes or seconds it waits no longer.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(finish, MOST_MS);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) finish();
    });
    for (const event of ['end', 'close', 'error'] as const) request.once(event, finish);
    request.resume();
  });
}
