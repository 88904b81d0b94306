import { modelTypeOf, type AlbertConfig, type ModelType } from '../model/config.ts';
import { architectureOf, headOf, type HeadName } from '../model/heads.ts';
import { countParameters, encoderParameters, poolerParameters } from '../model/parameters.ts';

/** What a model card can say. Everything but the config is optional; nothing is invented for what is left out. */
export interface CardDetails {
  /** Shape of the network. */
  config: AlbertConfig;
  /** Title; default the family's name, such as "ALBERT". */
  name?: string;
  /** True for random weights: the card says so first. */
  untrained?: boolean;
  /** Heads that the weights hold. */
  heads?: HeadName[];
  /** Class names in order. */
  labels?: string[];
  /** ISO 639-1 codes. */
  languages?: string[];
  /** SPDX identifier. */
  license?: string;
  /** Hub id or path of the checkpoint that this one was made from. */
  baseModel?: string;
  /** Data sets, as Hub ids or plain names. */
  datasets?: string[];
  /** A sentence or more on what the model is for. */
  description?: string;
  /** Settings of the training run, in the order to be shown. */
  training?: Record<string, string | number>;
  /** Measured results, in the order to be shown. */
  results?: Record<string, string | number>;
  /** A few lines of code that use it. Default: loading it as a model of vectors. */
  use?: readonly string[];
  /** Storage type of the weights. */
  dtype?: 'f32' | 'f16' | 'bf16' | 'int8';
  /** That of the weights as stored. */
  fingerprint?: string;
}

/** Name and paper of each family. */
const FAMILIES: Record<ModelType, { name: string; paper: string }> = {
  albert: {
    name: 'ALBERT',
    paper:
      'Lan et al. 2019, [A Lite BERT for Self-supervised Learning of Language Representations](https://arxiv.org/abs/1909.11942)',
  },
  bert: {
    name: 'BERT',
    paper:
      'Devlin et al. 2018, [Pre-training of Deep Bidirectional Transformers for Language Understanding](https://arxiv.org/abs/1810.04805)',
  },
  roberta: {
    name: 'RoBERTa',
    paper: 'Liu et al. 2019, [A Robustly Optimized BERT Pretraining Approach](https://arxiv.org/abs/1907.11692)',
  },
  'xlm-roberta': {
    name: 'XLM-RoBERTa',
    paper:
      'Conneau et al. 2019, [Unsupervised Cross-lingual Representation Learning at Scale](https://arxiv.org/abs/1911.02116)',
  },
};

/** A `README.md` for the Hub: YAML front matter that its tools read, then the facts as Markdown. */
export function buildCard(details: CardDetails): string {
  const family = FAMILIES[modelTypeOf(details.config)];
  const { name = family.name, untrained, description } = details;
  const paragraphs = [
    frontMatter(details),
    `# ${name}`,
    untrained ? '**These weights are random: the model has not been trained, and its outputs mean nothing.**' : '',
    description ?? '',
    section('Network', networkFacts(details)),
    section('Training', Object.entries(details.training ?? {})),
    section('Results', Object.entries(details.results ?? {})),
    usage(details),
    `${family.name}: ${family.paper}.`,
  ];
  return `${paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')}\n`;
}

function frontMatter({ config, languages, license, baseModel, datasets, heads }: CardDetails): string {
  const list = (key: string, values: string[] | undefined) =>
    values?.length ? [`${key}:`, ...values.map((value) => `- ${JSON.stringify(value)}`)] : [];
  const tag = heads?.length ? headOf(heads[0]).pipelineTag : 'feature-extraction';
  return [
    '---',
    ...list('language', languages),
    ...(license ? [`license: ${JSON.stringify(license)}`] : []),
    'library_name: transformers',
    `pipeline_tag: ${tag}`,
    'tags:',
    `- ${modelTypeOf(config)}`,
    '- albertine',
    ...(baseModel ? [`base_model: ${JSON.stringify(baseModel)}`] : []),
    ...list('datasets', datasets),
    '---',
  ].join('\n');
}

function networkFacts({ config, heads, labels, dtype = 'f32', fingerprint }: CardDetails): [string, string | number][] {
  const parameters = countParameters([...encoderParameters(config), ...poolerParameters(config)]);
  const isShared = config.numHiddenGroups < config.numHiddenLayers;
  const sharing =
    config.numHiddenGroups === 1
      ? 'all depths share one set of weights'
      : isShared
        ? `${config.numHiddenGroups} groups of shared weights`
        : 'each with weights of its own';
  return [
    ['Parameters (encoder and pooler)', parameters.toLocaleString('en-US')],
    [
      'Depth',
      `${config.numHiddenLayers} (${sharing}${config.innerGroupNum > 1 ? `, ${config.innerGroupNum} layers a group` : ''})`,
    ],
    [
      'Hidden / embedding / feed-forward width',
      `${config.hiddenSize} / ${config.embeddingSize} / ${config.intermediateSize}`,
    ],
    ['Attention heads', config.numAttentionHeads],
    ['Activation', config.hiddenAct],
    ['Positions', `${config.maxPositionEmbeddings} (${config.positionEmbeddingType})`],
    ['Vocabulary', config.vocabSize],
    ['Stored as', dtype],
    ...(heads?.length ? [['Heads', heads.join(', ')] as [string, string]] : []),
    ...(labels?.length
      ? [
          [
            'Labels',
            labels.length > 20 ? `${labels.slice(0, 20).join(', ')} and ${labels.length - 20} more` : labels.join(', '),
          ] as [string, string],
        ]
      : []),
    ...(fingerprint ? [['Fingerprint', fingerprint] as [string, string]] : []),
  ];
}

function section(title: string, facts: [string, string | number][]): string {
  if (facts.length === 0) return '';
  const cell = (value: string | number) => String(value).replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    `## ${title}`,
    '',
    '| | |',
    '|---|---|',
    ...facts.map(([key, value]) => `| ${cell(key)} | ${cell(value)} |`),
  ].join('\n');
}

const EMBED = [
  "import { Albert } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
  "const model = await Albert.load('path/to/this/folder');",
];

function usage({ heads, dtype, use = EMBED }: CardDetails): string {
  const loader = heads?.length ? architectureOf([heads[0]]).replace('Albert', 'AutoModel') : 'AutoModel';
  const lines = ['## Use', '', '```js', ...use, '```'];
  const python = [
    '',
    '```python',
    `from transformers import AutoTokenizer, ${loader}`,
    `model = ${loader}.from_pretrained("path/to/this/folder")`,
    '```',
  ];
  // Python's transformers has no reader for the int8 layout.
  return [...lines, ...(dtype === 'int8' ? [] : python)].join('\n');
}
