import { writeFile } from 'node:fs/promises';
import type { OutputFile } from '../../core/output-node.ts';
import { pick } from '../../core/pick.ts';
import { flagName } from '../../core/settings.ts';
import { toJson } from '../../data/json.ts';
import { builtInTasks } from '../../analysis/probe/built-in.ts';
import type { ProbeKind } from '../../analysis/probe/settings.ts';
import { probePage } from '../../analysis/probe/page.ts';
import { probeModels, type ProbeOptions, type ProbeReport } from '../../analysis/probe/probe.ts';
import {
  looksAt,
  readProbeTask,
  readStructureTasks,
  type ProbeField,
  type ProbeFileOptions,
} from '../../analysis/probe/read-node.ts';
import { probeTable } from '../../analysis/probe/table.ts';
import type { ProbeTask } from '../../analysis/probe/task.ts';
import { BUILT_IN_MODEL } from '../../loaded/load-node.ts';
import { FILE_OPTIONS } from '../../tasks/shared-settings.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { openModel } from '../streams/models.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import type { TaskFlag } from './probe.ts';

/** The flags of `albertine probe`, as commander gives them. */
export interface ProbeFlags
  extends
    Omit<ProbeFileOptions, 'header'>,
    Pick<
      ProbeOptions,
      | 'layers'
      | 'pooling'
      | 'wordPooling'
      | 'strengths'
      | 'control'
      | 'mdl'
      | 'knn'
      | 'floor'
      | 'batchTokens'
      | 'threads'
    > {
  task?: TaskFlag[];
  kind?: ProbeKind;
  text?: string;
  only?: string[];
  header?: boolean;
  output?: string;
  html?: string;
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const FIELDS = [
  'textField',
  'pairField',
  'labelField',
  'scoreField',
  'tokensField',
  'tagsField',
  'column',
  'tagColumn',
] as const satisfies readonly ProbeField[];

/** What fields are for, where no file has them. */
const FIELD_USES: Readonly<Record<ProbeField, string>> = {
  textField: '--text and tasks of texts',
  pairField: 'similarities',
  labelField: 'labels',
  scoreField: 'similarities',
  tokensField: 'tags in rows (JSON lines, tables)',
  tagsField: 'tags in rows (JSON lines, tables)',
  column: 'tags in columns (CoNLL)',
  tagColumn: 'tags in columns (CoNLL)',
};

/** Runs `albertine probe`. */
export async function runProbe(io: CliIo, models: readonly string[], flags: ProbeFlags): Promise<void> {
  requireUse(models, flags);
  const { output, html, overwrite, task = [], text, quiet = false } = flags;
  if (html !== undefined && html === output) throw new UsageError(`--html and --output are the same file: ${html}`);
  const inputs = [...task.flatMap(({ paths }) => paths), text, ...models];
  const claimed: (OutputFile | undefined)[] = [];
  try {
    for (const path of [output, html])
      claimed.push(
        path === undefined
          ? undefined
          : await claimOutput(path, { inputs: [...inputs, path === html ? output : undefined], overwrite }),
      );
    const note = (line: string): void => {
      if (!quiet) io.stderr.write(`note: ${line}\n`);
    };
    const tasks = await tasksOf(flags, note);
    const bar = createProgressBar(io, { quiet });
    const report = await probeModels(
      (models.length > 0 ? models : [BUILT_IN_MODEL]).map((name) => ({
        name,
        load: () => openModel(io, name, pick(flags, ['threads', 'quiet'])),
      })),
      tasks,
      {
        ...pick(flags, [
          'layers',
          'pooling',
          'wordPooling',
          'strengths',
          'control',
          'mdl',
          'knn',
          'floor',
          'seed',
          'batchTokens',
          'threads',
        ]),
        onProgress: bar.update,
        signal: io.signal,
      },
    ).finally(() => bar.finish());
    await write(claimed[0], () => `${toJson(report)}\n`);
    await write(claimed[1], () => probePage(report));
    await show(io, report, flags);
  } finally {
    for (const one of claimed) await one?.abandon({ keep: false });
  }
}

async function write(output: OutputFile | undefined, content: () => string): Promise<void> {
  if (!output) return;
  await writeFile(output.partial, content());
  await output.commit();
}

async function show(io: CliIo, report: ProbeReport, { json, output, html }: ProbeFlags): Promise<void> {
  if (json) return await io.stdout.write(`${toJson(report)}\n`);
  const lines = [
    ...probeTable(report, { width: io.stdout.columns }),
    '',
    ...report.networks.map(({ name, fingerprint }) => `${name}: ${fingerprint}`),
    ...[output, html].filter((path) => path !== undefined).map((path) => `written: ${path}`),
  ];
  await io.stdout.write(`${lines.join('\n')}\n`);
}

const flagOf = (name: string): string => `--${flagName(name)!}`;

/** Refuses flags that would do nothing; those of fields are judged by what the files are. */
function requireUse(models: readonly string[], flags: ProbeFlags): void {
  const { task, text, output } = flags;
  if (output !== undefined && !output.endsWith('.json'))
    throw new UsageError(`--output must end in .json, got ${output}`);
  const twice = models.find((model, i) => models.indexOf(model) !== i);
  if (twice !== undefined) throw new UsageError(`the model ${twice} is named twice`);
  const needed = ['kind', ...FIELDS.filter((name) => name !== 'textField')] as const;
  for (const name of needed)
    if (flags[name as keyof ProbeFlags] !== undefined && !task) throw new UsageError(`${flagOf(name)} is for --task`);
  for (const name of ['textField', ...FILE_OPTIONS] as const)
    if (flags[name] !== undefined && flags[name] !== true && !task && text === undefined)
      throw new UsageError(`${name === 'header' ? '--no-header' : flagOf(name)} is for --task and --text`);
}

/** Refuses fields that no file has been asked for. */
function requireLookedAt(flags: ProbeFlags, isLookedAt: (name: ProbeField) => boolean): void {
  for (const name of FIELDS) {
    if (flags[name] === undefined || isLookedAt(name) || (name === 'textField' && flags.text !== undefined)) continue;
    throw new UsageError(`${flagOf(name)} is for ${FIELD_USES[name]}, and there is no such task`);
  }
}

/** Tasks of files, of raw text, or the built-in ones. */
async function tasksOf(flags: ProbeFlags, note: (line: string) => void): Promise<ProbeTask[]> {
  const { task: files = [], text, kind, only, limit, seed } = flags;
  const common = { ...(limit !== undefined && { limit }), ...(seed !== undefined && { seed }) };
  const reading: ProbeFileOptions = {
    ...pick(flags, FIELDS),
    ...pick(flags, ['format', 'encoding', 'delimiter', 'quotes', 'onError']),
    ...(flags.header === false && { header: false }),
    ...common,
  };
  const tasks: ProbeTask[] = [];
  for (const file of files) {
    const task = await readProbeTask({ ...(kind !== undefined && { kind }), ...file }, reading);
    for (const line of task.notes) note(`${task.name}: ${line}`);
    tasks.push(task);
  }
  requireLookedAt(flags, (name) =>
    files.some(({ paths }, i) => looksAt(name, { kind: tasks[i].kind, paths }, reading)),
  );
  if (text !== undefined) {
    const made = await readStructureTasks(text, {
      ...pick(reading, ['textField', 'format', 'encoding', 'delimiter', 'quotes', 'onError', 'header']),
      ...common,
    });
    made.notes.forEach(note);
    tasks.push(...made.tasks);
  }
  if (files.length === 0 && text === undefined) tasks.push(...builtInTasks(common));
  if (tasks.length === 0) throw new UsageError('there is no task: the text has too little for every probe');
  const unknown = only?.find((name) => !tasks.some((task) => task.name === name));
  if (unknown !== undefined)
    throw new UsageError(
      `--only: there is no task ${unknown}; the tasks are ${tasks.map(({ name }) => name).join(', ')}`,
    );
  const chosen = tasks.filter(({ name }) => only?.includes(name) ?? true);
  if (flags.wordPooling !== undefined && !chosen.some((task) => task.kind === 'tags'))
    throw new UsageError('--word-pooling is for tags, and there is no such task');
  if (flags.mdl && chosen.every((task) => task.kind === 'similarity'))
    throw new UsageError('--mdl is for labels, and there are similarities alone');
  return chosen;
}
