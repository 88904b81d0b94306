import { mkdirSync, writeFileSync } from 'node:fs';
import { writeConfig } from '../../src/checkpoint/config-json.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import type { HeadName } from '../../src/model/heads.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { SMALL_CONFIG, WORDS } from '../tasks/model.ts';

/** What a folder of the small network has on top. */
export interface SmallFolder {
  heads: HeadName[];
  architecture: string;
  labels?: string[];
  extra?: Record<string, unknown>;
  seed?: number;
}

/** Writes a folder of the small network, untrained, with a head. */
export function writeSmallFolder(
  folder: string,
  { heads, architecture, labels, extra, seed = 7 }: SmallFolder,
): string {
  mkdirSync(folder, { recursive: true });
  const weights = initialiseWeights(SMALL_CONFIG, seed, { heads, ...(labels && { numLabels: labels.length }) });
  writeFileSync(`${folder}/model.safetensors`, Buffer.concat([...encodeSafetensors(weights).chunks()]));
  const config = writeConfig(SMALL_CONFIG, { architectures: [architecture], ...(labels && { labels }) });
  writeFileSync(`${folder}/config.json`, JSON.stringify({ ...config, ...extra }));
  writeFileSync(`${folder}/vocab.txt`, `${WORDS.join('\n')}\n`);
  return folder;
}

const sequence = 'AlbertForSequenceClassification';

/** One folder for each task, by the task's name. */
export const TASK_FOLDERS: Readonly<Record<string, SmallFolder>> = {
  classify: { heads: ['sequenceClassification'], architecture: sequence, labels: ['x', 'y', 'z'] },
  inference: {
    heads: ['sequenceClassification'],
    architecture: sequence,
    labels: ['entailment', 'neutral', 'contradiction'],
  },
  tag: {
    heads: ['tokenClassification'],
    architecture: 'AlbertForTokenClassification',
    labels: ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'],
  },
  relate: {
    heads: ['sequenceClassification'],
    architecture: sequence,
    labels: ['Cause(e1,e2)', 'Cause(e2,e1)', 'Other'],
    extra: { albertine_task: 'relate' },
  },
  answer: { heads: ['questionAnswering'], architecture: 'AlbertForQuestionAnswering' },
  choose: { heads: ['multipleChoice'], architecture: 'AlbertForMultipleChoice' },
  rank: {
    heads: ['sequenceClassification'],
    architecture: sequence,
    labels: ['score'],
    extra: { albertine_task: 'rank' },
  },
  masked: { heads: ['maskedLm'], architecture: 'AlbertForMaskedLM' },
};

/** The built-in model's name. */
export const NANO = 'albertine-nano-en-zh';

/** A server of the built-in model and of a folder for each task, and the built-in model by itself. */
export async function startTaskServer(folder: {
  path: (name: string) => string;
}): Promise<{ server: AlbertineServer; nano: NodeAlbert; paths: Record<string, string> }> {
  const paths = Object.fromEntries(
    Object.entries(TASK_FOLDERS).map(([name, what]) => [name, writeSmallFolder(folder.path(name), what)]),
  );
  const server = await startServer({ port: 0, log: 'silent', models: { [NANO]: NANO, ...paths } });
  return { server, nano: await loadModel(undefined), paths };
}
