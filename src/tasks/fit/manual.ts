import { ASKED_PAIR_SETTINGS } from '../classify/settings.ts';
import type { FolderManual } from '../manual.ts';
import { FIT_DATA_SETTINGS } from './settings.ts';

/** Classic classifiers: what `evaluate` and `predict` say of the folders of `albertine fit`. */
export const fitManual: FolderManual = {
  name: 'fit',
  head: undefined,
  noun: 'a fitted classifier',
  marker: 'fit.json',
  rewritable: true,
  evaluate: {
    settings: FIT_DATA_SETTINGS,
    json: 'as of classify',
    examples: [],
  },
  predict: {
    settings: {
      ...ASKED_PAIR_SETTINGS,
      topK: {
        kind: 'number',
        integer: true,
        min: 1,
        help: 'labels listed in "labels" (in tables label, label_2 ...), best first; "label" and "score" are always the best one. Default: all; in tables 1',
      },
    },
    output: `as of classify; with "noKnownWords": true where features are words alone and the text has none that was learned`,
    examples: [],
  },
  open: async () => (await import('./open-node.ts')).openFitted,
};
