/**
 * What a model knows, and where: linear probes of every layer on real data, beside words alone and an untrained network.
 *
 *     npx tsx bench/analysis/probe.ts [--model FOLDER] [--limit ROWS] [--threads N] [--html FILE] [--json]
 *
 * Data, `../shared/data` or `$ALBERTINE_DATA`: SST-2 (Socher et al. 2013), ChnSentiCorp (test: its dev part, which is
 * the labelled one), WNUT17 (Derczynski et al. 2017; six words for each of `--limit`), STS-B in English and Chinese.
 * Probes of structure: sentences of the held-out part of the corpus, `../shared/corpus` or `$ALBERTINE_CORPUS`.
 * `--limit` rows to learn from (default 1,000), half as many to test. Figures are in percent.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Albert, BUILT_IN_MODEL } from '../../src/index.ts';
import { probePage } from '../../src/analysis/probe/page.ts';
import { probeModels } from '../../src/analysis/probe/probe.ts';
import { readProbeTask, readStructureTasks } from '../../src/analysis/probe/read-node.ts';
import { probeTable } from '../../src/analysis/probe/table.ts';
import type { ProbeTask } from '../../src/analysis/probe/task.ts';
import { print, runBench, wholeNumber } from '../pretraining/command.ts';
import { CORPUS, DATA, LANGUAGES, readFileLines, requireData } from '../pretraining/data.ts';

const data = (...names: string[]): string => requireData(join(DATA, ...names));

/** SST-2 has a label and a sentence a line. */
function sstFile(folder: string, part: 'train' | 'dev' | 'test'): string {
  const path = join(folder, `sst-${part}.jsonl`);
  const rows = readFileLines(data('sst', `stsa.binary.${part}`)).map((line) =>
    JSON.stringify({ label: line[0], text: line.slice(2) }),
  );
  writeFileSync(path, rows.join('\n'));
  return path;
}

async function readTasks(folder: string, limit: number): Promise<ProbeTask[]> {
  const columns = { textField: '0', header: false, limit } as const;
  const tasks = [
    await readProbeTask(
      { name: 'SST-2', paths: (['train', 'dev', 'test'] as const).map((part) => sstFile(folder, part)) },
      { limit },
    ),
    await readProbeTask(
      { name: 'ChnSentiCorp', paths: ['train.tsv', 'dev.tsv'].map((name) => data('chnsenticorp', name)) },
      { ...columns, labelField: '1', quotes: 'none' },
    ),
    await readProbeTask(
      {
        name: 'WNUT17',
        paths: ['wnut17train.conll', 'emerging.dev.conll', 'emerging.test.annotated'].map((name) =>
          data('wnut17', name),
        ),
      },
      { limit: 6 * limit },
    ),
  ];
  for (const language of LANGUAGES)
    tasks.push(
      await readProbeTask(
        {
          name: `STS-B ${language}`,
          kind: 'similarity',
          paths: ['train', 'dev', 'test'].map((part) => data('stsb', `stsb-${language}-${part}.csv`)),
        },
        { ...columns, pairField: '1', scoreField: '2' },
      ),
    );
  for (const language of LANGUAGES) {
    const made = await readStructureTasks(requireData(join(CORPUS, 'heldout', `${language}.txt`)), { limit });
    for (const note of made.notes) console.error(note);
    tasks.push(...made.tasks.map((task) => ({ ...task, name: `${task.name} ${language}` })));
  }
  return tasks;
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      limit: { type: 'string' },
      threads: { type: 'string' },
      html: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const threads = wholeNumber('--threads', values.threads);
  const folder = mkdtempSync(join(tmpdir(), 'albertine-probe-'));
  try {
    const tasks = await readTasks(folder, wholeNumber('--limit', values.limit) ?? 1000);
    const load = (): Promise<Albert> => Albert.load(values.model, threads === undefined ? {} : { threads });
    const started = performance.now();
    const report = await probeModels([{ name: basename(values.model ?? BUILT_IN_MODEL), load }], tasks, {
      ...(threads !== undefined && { threads }),
      control: true,
      mdl: true,
      onProgress: ({ done, total, extra, stage }) => console.error(stage, done, total, extra?.['task'] ?? ''),
    });
    const seconds = (performance.now() - started) / 1000;
    if (values.html !== undefined) writeFileSync(values.html, probePage(report));
    const fingerprints = report.networks.map(({ name, fingerprint }) => `${name}: ${fingerprint}`);
    const table = ['```text', ...probeTable(report, { width: 130 }), '', ...fingerprints, '```'].join('\n');
    print(report, { json: values.json, tables: [table, `${seconds.toFixed(0)} s`] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
