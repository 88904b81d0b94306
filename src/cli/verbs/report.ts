import type { Command } from 'commander';
import { REPORT_LANGUAGES } from '../../training/report/labels.ts';
import { oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine report`: a training run as a page to look at. */
export function registerReport(program: Command, io: CliIo): void {
  program
    .command('report')
    .argument('<run>', 'folder of a training run or of a study (albertine tune), finished or still running')
    .summary('a training run, or a study, as one HTML page')
    .description(
      'Renders a training run as one HTML page that needs nothing else: curves, evaluations, class counts, confusion matrix, events and settings. A study has its history, what mattered, parallel coordinates and slices.',
    )
    .option(
      '-o, --output <file>',
      "the page, or - for standard output. Default: report.html in the run's folder, made anew every time",
    )
    .option('--overwrite', OVERWRITE)
    .option('--language <code>', 'language of the page: en or zh. Default: en', oneOf(...REPORT_LANGUAGES))
    .option('--json', 'print everything as one JSON object instead')
    .addHelpText(
      'after',
      `
Examples
  albertine report reviews-model
  albertine report reviews-model --language zh --output report-zh.html
  albertine report reviews-model --json | jq .summary
  albertine report study
  albertine report study --json | jq .best
`,
    )
    .action(async (run: string, flags: ReportFlags) => {
      const { runReport } = await import('./report-run.ts');
      await runReport(io, run, flags);
    });
}

/** The flags of `albertine report`, as commander gives them. */
export interface ReportFlags {
  output?: string;
  overwrite?: boolean;
  language?: (typeof REPORT_LANGUAGES)[number];
  json?: boolean;
}
