import { urlFiles, type UrlFilesOptions } from '../core/files-url.ts';
import { Albert, type LoadOptions } from './albert.ts';

/** Options of the browser's `Albert.load`. */
export interface UrlLoadOptions extends LoadOptions, UrlFilesOptions {}

/** {@link Albert} as the browser's entry exports it: models can be named by the URL of their folder. */
export class UrlAlbert extends Albert {
  /** Loads the model in a folder at a URL, relative to the page; the same as `Albert.open(urlFiles(base), options)`, with its errors and those of {@link urlFiles}. */
  static load(base: string | URL, options: UrlLoadOptions = {}): Promise<UrlAlbert> {
    return UrlAlbert.open(urlFiles(base, options), options);
  }
}
