import { AlbertineError, describeValue } from '../core/errors.ts';
import { urlFiles } from '../core/files-url.ts';
import { Albert, type LoadOptions } from './albert.ts';

/** Opens what a name stands for. */
export type Loader = (model: string | undefined, options: LoadOptions) => Promise<Albert>;

let ofNode: Loader | undefined;

/** Where paths and hub ids can be opened, that is how models are loaded by name. */
export function setLoader(loader: Loader): void {
  ofNode = loader;
}

/**
 * A model by its name: in Node a path, a hub id, or none for the built-in one; in a page the URL of its folder. Errors
 * as of `Albert.load`.
 */
export async function loadNamed(model: string | URL | undefined, options: LoadOptions = {}): Promise<Albert> {
  if (model !== undefined && typeof model !== 'string' && !(model instanceof URL))
    throw new AlbertineError('invalid_argument', `a model is named by a text, got ${describeValue(model)}`, {
      value: model,
      hint: 'load(model, options): options come second',
    });
  if (ofNode) return await ofNode(model === undefined ? undefined : String(model), options);
  return await Albert.open(urlFiles(model ?? ''), options);
}
