import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { openFolder, readJsonFile } from '../core/files-node.ts';
import { openSafetensors } from './safetensors.ts';
import { readJson } from './weight-files.ts';
import { readDetails } from './adapter-files.ts';
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
  const names = new Set(await own.list());
  if (!names.has(ADAPTER_WEIGHTS))
    throw new AlbertineError(
      'file_not_found',
      `${folder} is an adapter without its numbers: there is no ${ADAPTER_WEIGHTS}`,
      {
        value: [...names],
        hint: 'Copy it again; one of peft in another format can be saved anew with save_pretrained(folder, safe_serialization=True)',
      },
    );
  const base = await openBase(folder, findBase);
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

/** The folder of the base. Throws where it is not there, or is an adapter itself. */
async function openBase(folder: string, findBase: (name: string) => Promise<string>): Promise<FileSource> {
  const name = await adapterBase(folder);
  const found = await findBase(name).catch((cause: unknown) => {
    if (!(cause instanceof AlbertineError)) throw cause;
    throw new AlbertineError(cause.code, `the base of the adapter in ${folder} is not to be had: ${cause.message}`, {
      value: name,
      cause,
      hint: `Name it in ${ADAPTER_CONFIG}, as base_model_name_or_path`,
    });
  });
  if (isAdapterFolder(found))
    throw new AlbertineError('unsupported', `the base of the adapter in ${folder} is an adapter too: ${found}`, {
      value: found,
      hint: 'Fold that one into its base first: albertine convert --to safetensors',
    });
  return openFolder(found);
}

/** The base's `config.json` with what the adapter says of its answers. */
async function adaptedConfig(own: FileSource, base: FileSource): Promise<Record<string, unknown>> {
  const parse = async (files: FileSource, name: string): Promise<Record<string, unknown>> =>
    (await readJson(files, name)) as Record<string, unknown>;
  const config = await parse(base, 'config.json');
  if ((await own.list()).includes(ADAPTER_DETAILS)) {
    const details = await readDetails(own);
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
