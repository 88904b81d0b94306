import { COUNT, objectSchema, TEXT, type ServiceManual } from '../service.ts';

/** Words in the places of masks, by any pretrained checkpoint. */
export const fillMaskManual: ServiceManual = {
  name: 'fill-mask',
  input: TEXT,
  options: objectSchema({ topK: COUNT, candidates: { type: 'array', items: TEXT } }),
  serves: ({ loaded, tokenizer }) => loaded.heads.includes('maskedLm') && tokenizer.special.mask !== undefined,
  load: async () => (await import('./service.ts')).fillMaskService,
};
