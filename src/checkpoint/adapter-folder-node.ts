import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { openFolder, readJsonFile } from '../core/files-node.ts';
import { openSafetensors } from './safetensors.ts';
import type { AdapterDetails } from './adapter-files.ts';
import { ADAPTER_CONFIG, ADAPTER_DETAILS, ADAPTER_WEIGHTS } from './adapter-names.ts';

/** Whether a folder has an adapter and no model by itself. */
export const isAdapterFolder = (folder: string): boolean =>
  existsSync(join(folder, ADAPTER_CONFIG)) && !existsSync(join(folder, 'config.json'));

/** Name or path of the model that an adapter is for. Throws `invalid_file` where its file has none. */
export async function adapterBase(folder: string): Promise<string> {
  const json = (await readJsonFile(join(folder, ADAPTER_CONFIG))) as { base_model_name_or_path?: unknown };
  const base = json.base_model_name_or_path;
  if (typeof base === 'string' && base !== '') return base;
  throw new AlbertineError('invalid_file', `${join(folder, ADAPTER_CONFIG)} does not name its model`, {
    value: base,
    hint: 'Write its path or hub id as base_model_name_or_path',
  });
}

/**
 * The files of a model: those of its folder, or, of an adapter's folder, those of its base with the adapter's over
 * them. `findBase` gives the folder of a name.
 */
export async function openModelFolder(
  folder: string,
  findBase: (name: string) => Promise<string>,
): Promise<FileSource> {
  const own = await openFolder(folder);
  if (!isAdapterFolder(folder)) return own;
  const base = await openFolder(await findBase(await adapterBase(folder)));
  const names = new Set(await own.list());
  const config = new TextEncoder().encode(JSON.stringify(await adaptedConfig(own, base)));
  // Files in folders belong to the list of modules, whoever has that.
  const of = (name: string): FileSource => (names.has(name.includes('/') ? 'modules.json' : name) ? own : base);
  return {
    location: folder,
    list: async () => [...new Set([...names, ...(await base.list())])],
    size: async (name) => (name === 'config.json' ? config.byteLength : of(name).size(name)),
    read: async (name, start, end) =>
      name === 'config.json' ? config.subarray(start ?? 0, end) : of(name).read(name, start, end),
    local: (name) => of(name).local!(name),
  };
}

/** The base's `config.json` with what the adapter says of its answers. */
async function adaptedConfig(own: FileSource, base: FileSource): Promise<Record<string, unknown>> {
  const parse = async (files: FileSource, name: string): Promise<Record<string, unknown>> =>
    JSON.parse(new TextDecoder().decode(await files.read(name))) as Record<string, unknown>;
  const config = await parse(base, 'config.json');
  if ((await own.list()).includes(ADAPTER_DETAILS)) {
    const details = (await parse(own, ADAPTER_DETAILS)) as unknown as AdapterDetails;
    return { ...withoutAnswers(config), ...details.config };
  }
  const { task_type: task } = await parse(own, ADAPTER_CONFIG);
  const architecture = typeof task === 'string' ? ARCHITECTURES[task] : undefined;
  if (architecture === undefined) return config;
  const { tensors } = await openSafetensors(own, ADAPTER_WEIGHTS);
  const classifier = [...tensors].find(([name]) => /classifier(\.out_proj)?\.weight$/.test(name));
  const labels = Array.from({ length: classifier?.[1].shape[0] ?? 0 }, (_, i) => `LABEL_${i}`);
  const family = String((config['architectures'] as string[] | undefined)?.[0] ?? 'AlbertModel').replace(
    /(For|Model).*$/,
    '',
  );
  return {
    ...withoutAnswers(config),
    architectures: [family + architecture],
    ...(labels.length > 0 && { id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])) }),
  };
}

/** Class names, without the family's, of peft's tasks. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  SEQ_CLS: 'ForSequenceClassification',
  TOKEN_CLS: 'ForTokenClassification',
  QUESTION_ANS: 'ForQuestionAnswering',
};

/** Keys that say what a model answers. */
const ANSWERS = /^(id2label|label2id|problem_type|architectures|albertine_(?!untrained).*)$/;

const withoutAnswers = (config: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !ANSWERS.test(key)));
