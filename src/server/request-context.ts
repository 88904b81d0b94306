import { AsyncLocalStorage } from 'node:async_hooks';

/** What the work of a request carries with it, down to the passes through the network. */
export interface RequestContext {
  /** Who asks: requests of one client share its turns. */
  readonly client: string;
  /** Aborted when the client has hung up or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Milliseconds its batches waited for their turn, the longest of them. */
  queueMs: number;
  /** Milliseconds that passes took which it had a part in. */
  inferenceMs: number;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Does the work of a request; {@link currentRequest} knows it wherever the work leads. */
export const inRequest = <T>(context: RequestContext, work: () => Promise<T>): Promise<T> => storage.run(context, work);

/** The request whose work this is; undefined outside of one. */
export const currentRequest = (): RequestContext | undefined => storage.getStore();
