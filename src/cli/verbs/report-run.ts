import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { writeFileAtomic } from '../../core/files-node.ts';
import { renderReport } from '../../training/report/report.ts';
import { readRun } from '../../training/report/report-node.ts';
import { runToJson } from '../../training/report/run-record.ts';
import { renderStudy } from '../../tune/report/page.ts';
import { readStudy, STUDY_FILE } from '../../tune/study-file-node.ts';
import { studyToJson } from '../../tune/study-record.ts';
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
  const { content, warnings } = existsSync(join(folder, STUDY_FILE))
    ? await studyContent(folder, { language, json })
    : await runContent(folder, { language, json });
  for (const warning of warnings) io.stderr.write(`note: ${warning}\n`);
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

/** A page or JSON, and what could not be read. */
interface Content {
  content: string;
  warnings: readonly string[];
}

async function runContent(
  folder: string,
  { language, json }: Pick<ReportFlags, 'language' | 'json'>,
): Promise<Content> {
  const run = await readRun(folder);
  const content = json
    ? `${JSON.stringify(runToJson(run), null, 2)}\n`
    : renderReport(run, language ? { language } : {});
  return { content, warnings: run.warnings };
}

async function studyContent(
  folder: string,
  { language, json }: Pick<ReportFlags, 'language' | 'json'>,
): Promise<Content> {
  const study = await readStudy(folder);
  const content = json
    ? `${JSON.stringify(studyToJson(study), null, 2)}\n`
    : renderStudy(study, { name: basename(resolve(folder)), ...(language && { language }) });
  return { content, warnings: study.notes };
}
