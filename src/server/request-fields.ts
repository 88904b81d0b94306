import type { App } from './app-type.ts';
import type { ApiKey } from './keys.ts';
import type { RequestContext } from './request-context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the key, else the address. */
    clientName: string;
    /** The key it came with; null where none is needed. */
    apiKey: ApiKey | null;
    /** Name of the model that is asked; empty before that is known. */
    modelName: string;
    /** How long it waited and was computed; null before it is. */
    times: Pick<RequestContext, 'queueMs' | 'inferenceMs'> | null;
  }
}

/** Gives requests these fields. */
export function decorateRequests(app: App): void {
  app.decorateRequest('clientName', '');
  app.decorateRequest('apiKey', null);
  app.decorateRequest('modelName', '');
  app.decorateRequest('times', null);
}
