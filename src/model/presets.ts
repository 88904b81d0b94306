import { AlbertineError } from '../core/errors.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from './config.ts';

/** A named network shape, with the settings its checkpoints were published with. */
export interface Preset {
  /** What {@link presetConfig} takes. */
  name: string;
  /** The whole shape. */
  config: AlbertConfig;
  /** Language of the published checkpoint; `any` for shapes that have none. */
  language: 'en' | 'zh' | 'any';
  /** Who published weights of this shape, or that nobody did. */
  publisher: 'google' | 'brightmart' | 'none';
  /** One line for lists. */
  description: string;
}

type Shape = Partial<AlbertConfig>;

const BASE: Shape = { hiddenSize: 768, numHiddenLayers: 12, numAttentionHeads: 12, intermediateSize: 3072 };
const LARGE: Shape = { hiddenSize: 1024, numHiddenLayers: 24, numAttentionHeads: 16, intermediateSize: 4096 };
const XLARGE: Shape = { hiddenSize: 2048, numHiddenLayers: 24, numAttentionHeads: 16, intermediateSize: 8192 };
const XXLARGE: Shape = { hiddenSize: 4096, numHiddenLayers: 12, numAttentionHeads: 64, intermediateSize: 16384 };

/**
 * On the Hub version 1 says "gelu", which Hugging Face reads as the exact (erf) form although Google trained with tanh.
 */
const VERSION_1: Shape = { hiddenAct: 'gelu_erf', hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 };
const VERSION_2: Shape = { hiddenAct: 'gelu_tanh', hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
/** The Chinese `vocab.txt` of 21,128 pieces has [CLS] at 101 and [SEP] at 102. */
const CHINESE: Shape = { vocabSize: 21128, bosTokenId: 101, eosTokenId: 102 };

function define(name: string, shapes: Shape[], about: Omit<Preset, 'name' | 'config'>): [string, Preset] {
  return [name, { name, config: Object.assign({}, DEFAULT_CONFIG, ...shapes) as AlbertConfig, ...about }];
}

const google = (description: string) => ({ language: 'en', publisher: 'google', description }) as const;
const googleChinese = (description: string) => ({ language: 'zh', publisher: 'google', description }) as const;
const brightmart = (description: string) => ({ language: 'zh', publisher: 'brightmart', description }) as const;
const own = (description: string) => ({ language: 'any', publisher: 'none', description }) as const;

/**
 * Every published ALBERT shape and four small ones for training from scratch.
 *
 * English: Lan et al. 2019 (https://arxiv.org/abs/1909.11942) and google-research/albert; version 2 was trained without
 * dropout, and so was xxlarge of version 1. Chinese: Google's (ReLU) and brightmart/albert_zh's (tanh GELU). The same
 * size may have another number of attention heads from another publisher. brightmart's xxlarge is a pre-LayerNorm
 * network and its "tiny google fast" has block-diagonal feed-forward weights: neither is an ALBERT in the paper's
 * sense, so neither is listed.
 */
export const PRESETS: Record<string, Preset> = Object.fromEntries([
  define(
    'nano',
    [
      {
        vocabSize: 2000,
        embeddingSize: 32,
        hiddenSize: 64,
        numHiddenLayers: 2,
        numAttentionHeads: 2,
        intermediateSize: 256,
        maxPositionEmbeddings: 128,
      },
    ],
    own('for tests and demonstrations'),
  ),
  define(
    'tiny',
    [
      {
        vocabSize: 8000,
        embeddingSize: 64,
        hiddenSize: 128,
        numHiddenLayers: 4,
        numAttentionHeads: 4,
        intermediateSize: 512,
        maxPositionEmbeddings: 256,
      },
    ],
    own('trains from scratch on a laptop in minutes'),
  ),
  define(
    'mini',
    [{ vocabSize: 8000, hiddenSize: 256, numHiddenLayers: 6, numAttentionHeads: 4, intermediateSize: 1024 }],
    own('trains from scratch on a laptop in hours'),
  ),
  define(
    'small',
    [{ vocabSize: 16000, hiddenSize: 512, numHiddenLayers: 6, numAttentionHeads: 8, intermediateSize: 2048 }],
    own('half the width and depth of base'),
  ),
  define('base-v1', [BASE, VERSION_1], google('albert/albert-base-v1')),
  define('large-v1', [LARGE, VERSION_1], google('albert/albert-large-v1')),
  define('xlarge-v1', [XLARGE, VERSION_1], google('albert/albert-xlarge-v1')),
  define(
    'xxlarge-v1',
    [XXLARGE, VERSION_1, { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }],
    google('albert/albert-xxlarge-v1'),
  ),
  define('base-v2', [BASE, VERSION_2], google('albert/albert-base-v2')),
  define('large-v2', [LARGE, VERSION_2], google('albert/albert-large-v2')),
  define('xlarge-v2', [XLARGE, VERSION_2], google('albert/albert-xlarge-v2')),
  define('xxlarge-v2', [XXLARGE, VERSION_2], google('albert/albert-xxlarge-v2')),
  define('chinese-base', [BASE, VERSION_2, CHINESE, { hiddenAct: 'relu' }], googleChinese("Google's Chinese base")),
  define('chinese-large', [LARGE, VERSION_2, CHINESE, { hiddenAct: 'relu' }], googleChinese("Google's Chinese large")),
  define(
    'chinese-xlarge',
    [XLARGE, VERSION_2, CHINESE, { hiddenAct: 'relu', initializerRange: 0.014 }],
    googleChinese("Google's Chinese xlarge"),
  ),
  define(
    'chinese-xxlarge',
    [XXLARGE, VERSION_2, CHINESE, { hiddenAct: 'relu', initializerRange: 0.01, numAttentionHeads: 16 }],
    googleChinese("Google's Chinese xxlarge"),
  ),
  define(
    'chinese-tiny',
    [VERSION_2, CHINESE, { hiddenSize: 312, numHiddenLayers: 4, numAttentionHeads: 12, intermediateSize: 1248 }],
    brightmart('albert_tiny_zh (google layout)'),
  ),
  define(
    'chinese-small',
    [VERSION_2, CHINESE, { hiddenSize: 384, numHiddenLayers: 6, numAttentionHeads: 12, intermediateSize: 1536 }],
    brightmart('albert_small_zh (google layout)'),
  ),
  define('brightmart-base', [BASE, VERSION_2, CHINESE], brightmart('albert_base_zh')),
  define('brightmart-large', [LARGE, VERSION_2, CHINESE], brightmart('albert_large_zh')),
  define(
    'brightmart-xlarge',
    [XLARGE, VERSION_2, CHINESE, { numAttentionHeads: 32 }],
    brightmart('albert_xlarge_zh; 32 heads where Google has 16'),
  ),
]);

/**
 * A copy of a preset's config. `name` is a key of {@link PRESETS}; the Hub's spellings `albert-base-v2` and
 * `albert/albert-base-v2` are accepted too. Throws `invalid_argument` listing the names.
 */
export function presetConfig(name: string): AlbertConfig {
  const key = name.replace(/^(albert\/)?albert-/, '');
  if (!Object.hasOwn(PRESETS, key)) {
    throw new AlbertineError('invalid_argument', `no preset named ${JSON.stringify(name)}`, {
      value: name,
      hint: `Choose one of ${Object.keys(PRESETS).join(', ')}`,
    });
  }
  return { ...PRESETS[key].config };
}
