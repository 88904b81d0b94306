import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parityRecord, type ParityRecord } from '../../src/loaded/parity-node.ts';
import { run } from '../cli/support.ts';

/*
 * Every kind of folder that the command line writes, small, and what it gives in Node. As a program,
 * `npx tsx test/oracle/python-folders.ts FOLDER` writes them with `records.json` for make_python_goldens.py.
 */

/** Short and long, a pair apart, with what the tokenisers disagree about most easily. */
export const TEXTS: readonly string[] = [
  'A good film, and the cat sat on the mat.',
  '猫 好，你好吗？',
  'Crème brûlée cost 1,234.56',
  '',
  'the big red house is not small and the sun is slow . '.repeat(12),
];

const CORPUS = `The night train left the station at nine. It was raining, and the windows were dark, and the cat sat on a mat.
A good film cost 1,234.56 in the big red house; crème brûlée is not small, and the sun is slow.
你好吗？猫很好。今天天气很好，我们去看电影。
`;

const FILES: Readonly<Record<string, string>> = {
  'corpus.txt': CORPUS.repeat(3),
  'single.csv': 'text,label\na good film,pos\na bad film,neg\nthe sun,pos\nslow train,neg\n',
  'pair.csv':
    'text,pair,label\na cat sat,the cat sat,same\na cat sat,a slow train,other\nthe sun,a sun,same\nthe sun,bread,other\n',
  'numbers.csv': 'text,label\none,1\ntwo,2\nthree,3.5\ngood,4\n',
  'several.csv': 'text,label\na good film,"a,b"\na bad film,a\nthe sun,b\nslow train,c\n',
  'tagged.conll': 'the B-ANIMAL\ncat I-ANIMAL\nsat O\n\n猫 B-ANIMAL\n好 O\n\na O\nslow O\ntrain B-VEHICLE\n',
  'related.jsonl':
    '{"text":"a cat sat on a mat","head":{"start":2,"end":5,"type":"ANIMAL"},"tail":{"start":15,"end":18},"label":"on"}\n{"text":"the sun and bread","head":{"start":4,"end":7},"tail":{"start":12,"end":17},"label":"none"}\n',
  'choices.jsonl':
    '{"context":"the cat sat","question":"where","choices":["on the mat","in the sun"],"label":0}\n{"question":"what","choices":["bread","a train","猫"],"label":1}\n',
  'candidates.jsonl':
    '{"query":"a cat","candidates":["the cat sat","a slow train"],"labels":[1,0]}\n{"query":"the sun","candidates":["bread","a sun","猫"],"labels":[0,1,0]}\n',
  'questions.jsonl':
    '{"question":"who sat","context":"the cat sat on the mat","answers":["the cat"]}\n{"question":"what","context":"bread and the sun","answers":[]}\n',
  'scored.csv':
    'text,pair,score\na cat sat,the cat sat,5\na cat sat,a slow train,0\nthe sun,a sun,4\nthe sun,bread,1\n',
};

// A rate that leaves every weight as it is, so that all machines write the same.
const TRAINING = [
  '--epochs',
  '1',
  '--max-length',
  '24',
  '--learning-rate',
  '1e-20',
  '--seed',
  '1',
  '--threads',
  '1',
  '--quiet',
];
const classify = (data: string, ...more: string[]): string[] => [
  'finetune',
  'classify',
  '--model',
  '@unigram',
  '--train',
  data,
  '--eval',
  data,
  ...TRAINING,
  ...more,
];
const embed = (...more: string[]): string[] => [
  'finetune',
  'embedding',
  '--model',
  '@unigram',
  '--train',
  '@scored.csv',
  '--eval',
  '@scored.csv',
  '--pair-field',
  'pair',
  '--score-field',
  'score',
  ...TRAINING,
  ...more,
];

/**
 * Models of other families, from make_bert_goldens.py; fine-tuned and copied in every way that has a head of its own in
 * Python.
 */
const FAMILIES = ['bert', 'xlm-roberta'] as const;
const ofFamily = (
  name: string,
  task: string,
  data: string,
  ...more: string[]
): readonly [string, readonly string[]] => [
  `${name}-${task}`,
  ['finetune', task, '--model', `@${name}`, '--train', data, '--eval', data, ...TRAINING, ...more, '--output'],
];
const familyCommands = (name: string): readonly (readonly [string, readonly string[]])[] => [
  ofFamily(name, 'classify', '@pair.csv', '--pair-field', 'pair'),
  ofFamily(name, 'tag', '@tagged.conll'),
  ofFamily(name, 'answer', '@questions.jsonl'),
  ofFamily(name, 'choose', '@choices.jsonl'),
  ofFamily(name, 'embedding', '@scored.csv', '--pair-field', 'pair', '--score-field', 'score', '--prompt', 'query'),
  [`${name}-f16`, ['convert', `@${name}`, '--to', 'safetensors', '--dtype', 'f16', '--output']],
  [`${name}-onnx`, ['convert', `@${name}`, '--to', 'onnx', '--task', 'sequenceClassification', '--output']],
];

/** How each folder is made, in order; `@` stands for the folder of all. */
const COMMANDS: readonly (readonly [name: string, argv: readonly string[]])[] = [
  ['vocabulary', ['vocab', 'train', '@corpus.txt', '--vocab-size', '85', '--output']],
  ['vocabulary-bytes', ['vocab', 'train', '@corpus.txt', '--vocab-size', '335', '--byte-fallback', '--output']],
  [
    'vocabulary-words',
    ['vocab', 'train', '@corpus.txt', '--vocab-size', '110', '--algorithm', 'wordpiece', '--output'],
  ],
  ['unigram', ['init', '--preset', 'nano', '--tokenizer', '@vocabulary', '--output']],
  ['bytes', ['init', '--preset', 'nano', '--tokenizer', '@vocabulary-bytes', '--heads', 'none', '--output']],
  ['wordpiece', ['init', '--preset', 'nano', '--tokenizer', '@vocabulary-words', '--heads', 'maskedLm', '--output']],
  ['spans', ['init', '--preset', 'nano', '--tokenizer', '@vocabulary', '--heads', 'questionAnswering', '--output']],
  ['single', [...classify('@single.csv'), '--output']],
  ['pair', [...classify('@pair.csv', '--pair-field', 'pair'), '--output']],
  ['regression', [...classify('@numbers.csv', '--problem', 'regression'), '--output']],
  ['several', [...classify('@several.csv', '--problem', 'multiLabel'), '--output']],
  [
    'tags',
    [
      'finetune',
      'tag',
      '--model',
      '@unigram',
      '--train',
      '@tagged.conll',
      '--eval',
      '@tagged.conll',
      ...TRAINING,
      '--output',
    ],
  ],
  [
    'tags-crf',
    [
      'finetune',
      'tag',
      '--crf',
      '--model',
      '@unigram',
      '--train',
      '@tagged.conll',
      '--eval',
      '@tagged.conll',
      ...TRAINING,
      '--output',
    ],
  ],
  [
    'relations',
    [
      'finetune',
      'relate',
      '--model',
      '@unigram',
      '--train',
      '@related.jsonl',
      '--eval',
      '@related.jsonl',
      ...TRAINING,
      '--output',
    ],
  ],
  [
    'answers',
    [
      'finetune',
      'answer',
      '--model',
      '@unigram',
      '--train',
      '@questions.jsonl',
      '--eval',
      '@questions.jsonl',
      ...TRAINING,
      '--output',
    ],
  ],
  [
    'choices',
    [
      'finetune',
      'choose',
      '--model',
      '@unigram',
      '--train',
      '@choices.jsonl',
      '--eval',
      '@choices.jsonl',
      ...TRAINING,
      '--output',
    ],
  ],
  [
    'rankings',
    [
      'finetune',
      'rank',
      '--model',
      '@unigram',
      '--train',
      '@candidates.jsonl',
      '--eval',
      '@candidates.jsonl',
      ...TRAINING,
      '--output',
    ],
  ],
  ['sentences', [...embed(), '--output']],
  ['sentences-cls', [...embed('--pooling', 'cls'), '--output']],
  ['pair-f16', ['convert', '@pair', '--to', 'safetensors', '--dtype', 'f16', '--output']],
  ['pair-onnx', ['convert', '@pair', '--to', 'onnx', '--output']],
  ['sentences-onnx', ['convert', '@sentences-cls', '--to', 'onnx', '--task', 'embeddings', '--output']],
  ['words-onnx', ['convert', '@wordpiece', '--to', 'onnx', '--task', 'maskedLm', '--output']],
  ...FAMILIES.flatMap(familyCommands),
];

/** Writes all of them under `root`; returns what those that hold a model give, without where they lie. */
export async function writePythonFolders(root: string): Promise<Record<string, ParityRecord>> {
  mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(root, name), content);
  for (const name of FAMILIES)
    cpSync(join(import.meta.dirname, 'goldens/bert', name, 'model'), join(root, name), { recursive: true });
  const records: Record<string, ParityRecord> = {};
  for (const [name, argv] of COMMANDS) {
    const { code, stderr } = await run([
      ...argv.map((word) => (word.startsWith('@') ? join(root, word.slice(1)) : word)),
      join(root, name),
    ]);
    if (code !== 0) throw new Error(`${name}: ${stderr}`);
    if (!name.startsWith('vocabulary')) records[name] = await parityRecord(join(root, name), TEXTS);
  }
  return records;
}

if (process.argv[1] === import.meta.filename) {
  const root = process.argv[2];
  writeFileSync(join(root, 'records.json'), JSON.stringify(await writePythonFolders(root)));
}
