import { urlFiles, type UrlFilesOptions } from '../core/files-url.ts';
import { optionsOf, requireOptions } from '../core/options.ts';
import { Albert, type LoadOptions } from './albert.ts';
import { LOAD_OPTIONS } from './option-kinds.ts';

/** Options of the browser's `Albert.load`. */
export interface UrlLoadOptions extends LoadOptions, UrlFilesOptions {}

/** {@link Albert} as the browser's entry exports it: models can be named by the URL of their folder. */
export class UrlAlbert extends Albert {
  /**
   * Loads the model in a folder at a URL, relative to the page; the same as `Albert.open(urlFiles(base), options)`,
   * with its errors and those of {@link urlFiles}.
   */
  static async load(base: string | URL, options: UrlLoadOptions = {}): Promise<UrlAlbert> {
    requireOptions<UrlLoadOptions>('Albert.load', options, { ...LOAD_OPTIONS, names: 'list', headers: 'object' });
    return UrlAlbert.open(urlFiles(base, options), optionsOf<LoadOptions>(options, LOAD_OPTIONS));
  }
}
