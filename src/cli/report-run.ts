import { join } from 'node:path';
import { writeFileAtomic } from '../core/files-node.ts';
import { renderReport } from '../training/report/report.ts';
import { readRun } from '../training/report/report-node.ts';
import { runToJson } from '../training/report/run-record.ts';
import { UsageError } from './errors.ts';
import type { CliIo } from './io.ts';
import type { ReportFlags } from './report.ts';

/** Runs `albertine report`. */
export async function runReport(io: CliIo, folder: string, { output, language, json }: ReportFlags): Promise<void> {
  if (json && language) throw new UsageError('--language is for the page, not for --json');
  const run = await readRun(folder);
  for (const warning of run.warnings) io.stderr.write(`note: ${warning}\n`);
  const content = json ? `${JSON.stringify(runToJson(run), null, 2)}\n` : renderReport(run, language ? { language } : {});
  if (json && output === undefined) {
    await io.stdout.write(content);
    return;
  }
  const path = output ?? join(folder, 'report.html');
  await writeFileAtomic(path, content);
  await io.stdout.write(`${path}\n`);
}
