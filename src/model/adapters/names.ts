import type { Settings } from '../../core/settings.ts';

/* Names and settings only: manuals are printed without loading what trains. */

/** Ways to adapt a model by few numbers. */
export const ADAPTER_METHODS = ['lora', 'adapter', 'prefix', 'bitfit', 'ia3'] as const;
/** One of {@link ADAPTER_METHODS}. */
export type AdapterMethodName = (typeof ADAPTER_METHODS)[number];

/** Behind which parts of a layer a bottleneck stands. */
export const ADAPTER_PLACEMENTS = ['houlsby', 'pfeiffer'] as const;
/** One of {@link ADAPTER_PLACEMENTS}. */
export type AdapterPlacement = (typeof ADAPTER_PLACEMENTS)[number];

/** Training a few numbers beside a model that stays as it is. */
export const ADAPTER_SETTINGS = {
  method: {
    kind: 'text',
    values: ADAPTER_METHODS,
    flag: 'adapter',
    placeholder: 'method',
    help: 'trains a few numbers beside the model, which stays as it is, and saves them alone: lora, adapter (bottlenecks), prefix, bitfit or ia3',
    usual: 'the whole model is trained',
  },
  scope: {
    kind: 'text',
    values: ['groups', 'per-depth', 'shared'],
    flag: 'adapter-scope',
    help: 'who has an adapter of its own: every set of layer weights (groups; ALBERT has one, and its depths share the adapter as they share the layer), every depth, or all layers together',
    default: 'groups',
  },
  rank: {
    kind: 'number',
    integer: true,
    min: 1,
    flag: 'adapter-rank',
    help: 'lora: columns of the update',
    default: 8,
  },
  alpha: {
    kind: 'number',
    above: 0,
    flag: 'adapter-alpha',
    placeholder: 'x',
    help: 'lora: the update is multiplied by this over the rank',
    usual: 'twice the rank',
  },
  targets: {
    kind: 'list',
    flag: 'adapter-targets',
    help: 'lora and ia3: the dense layers that are changed: attention.query, attention.key, attention.value, attention.dense, ffn, ffn_output, separated by commas',
    usual: 'attention.query,attention.value; ia3 attention.key,attention.value,ffn_output',
  },
  size: {
    kind: 'number',
    integer: true,
    min: 1,
    flag: 'adapter-size',
    help: 'adapter: width of the bottleneck',
    usual: 'a sixteenth of the hidden size, at least 8',
  },
  placement: {
    kind: 'text',
    values: ADAPTER_PLACEMENTS,
    flag: 'adapter-placement',
    help: 'adapter: behind the feed-forward part (pfeiffer), or behind both parts of a layer (houlsby)',
    default: 'pfeiffer',
  },
  length: {
    kind: 'number',
    integer: true,
    min: 1,
    flag: 'prefix-length',
    help: 'prefix: keys and values before every text, in each layer',
    default: 10,
  },
  hidden: {
    kind: 'number',
    integer: true,
    min: 0,
    flag: 'prefix-hidden',
    help: 'prefix: width of the network that makes them; 0: they are learned themselves',
    usual: 'half the hidden size',
  },
} as const satisfies Settings;
