import { adapterBase, openModelFolder } from '../checkpoint/adapter-folder-node.ts';
import type { EncoderOptions } from '../model/encoder.ts';
import type { Albert } from './albert.ts';
import { loadAs, type Dtype } from './load-dtype-node.ts';
import { modelFolder, type NodeLoadOptions } from './load-node.ts';

interface Base {
  model: Promise<Albert>;
  users: number;
}

/** Bases of adapters, each open once for all adapters on it and closed with the last of them. */
export class SharedBases {
  private readonly bases = new Map<string, Base>();
  private readonly load: NodeLoadOptions;
  private readonly dtype: Dtype | undefined;

  constructor(load: NodeLoadOptions, dtype?: Dtype) {
    this.load = load;
    this.dtype = dtype;
  }

  /**
   * Opens an adapter's folder on its base. `isFirst` where the base was opened for it; `close` frees both, the base when
   * nobody else uses it.
   */
  async open(
    folder: string,
    options: Pick<EncoderOptions, 'wrapForward'>,
  ): Promise<{ model: Albert; isFirst: boolean; close: () => void }> {
    const name = await modelFolder(await adapterBase(folder), this.load);
    const base = this.bases.get(name) ?? { model: loadAs(name, this.dtype, this.load), users: 0 };
    const isFirst = base.users === 0;
    base.users++;
    this.bases.set(name, base);
    const leave = (): void => {
      base.users--;
      if (base.users > 0) return;
      if (this.bases.get(name) === base) this.bases.delete(name);
      void base.model.then(
        (model) => model[Symbol.dispose](),
        () => undefined,
      );
    };
    try {
      const files = await openModelFolder(folder, () => Promise.resolve(name));
      const model = await (await base.model).withAdapter(files, options);
      const close = (): void => {
        model[Symbol.dispose]();
        leave();
      };
      return { model, isFirst, close };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
