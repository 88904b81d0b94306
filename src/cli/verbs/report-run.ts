import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../core/files-node.ts';
import { renderReport } from '../../training/report/report.ts';
import { readRun } from '../../training/report/report-node.ts';
import { runToJson } from '../../training/report/run-record.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { claimOutput } from '../streams/output-claim.ts';
import type { ReportFlags } from './report.ts';

/** Runs `albertine report`. */
export async function runReport(
  io: CliIo,
  folder: string,
  { output, language, json, overwrite }: ReportFlags,
): Promise<void> {
  if (json && language) throw new UsageError('--language is for the page, not for --json');
  const run = await readRun(folder);
  for (const warning of run.warnings) io.stderr.write(`note: ${warning}\n`);
  const content = json
    ? `${JSON.stringify(runToJson(run), null, 2)}\n`
    : renderReport(run, language ? { language } : {});
  if (output === '-' || (json && output === undefined)) {
    await io.stdout.write(content);
    return;
  }
  if (output === undefined) {
    // The run's own page shows how far it has come: made again whenever it is asked for.
    const page = join(folder, 'report.html');
    await writeFileAtomic(page, content);
    await io.stdout.write(`${page}\n`);
    return;
  }
  const claimed = await claimOutput(output, {
    inputs: (await readdir(folder)).filter((name) => name !== 'report.html').map((name) => join(folder, name)),
    overwrite,
  });
  try {
    await writeFileAtomic(claimed.partial, content);
    await claimed.commit();
  } finally {
    await claimed.abandon({ keep: false });
  }
  await io.stdout.write(`${output}\n`);
}
