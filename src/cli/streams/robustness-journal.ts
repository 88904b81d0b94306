import type { RobustnessCondition, RobustnessReport } from '../../analysis/robustness/report.ts';
import type { RobustnessOptions } from '../../analysis/robustness/measure.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { countCompleteRecords, cutRecords } from '../../data/resume-node.ts';
import { Journal, type Origin } from './journal.ts';

/** The conditions whose rows are all in the file, with their figures: what is known of them is not asked again. */
interface Noted {
  conditions: RobustnessCondition[];
}

/** A file of robustness records, how it is written, and what an interrupted run left. */
export interface RobustnessJournal {
  /** Answers that are there already. */
  readonly existing: number;
  /** What records, notes and leaves out, for `measureRobustness`. */
  readonly options: Pick<RobustnessOptions, 'known' | 'onRecord' | 'onCondition'>;
  /** Opens the file; from now on it can be continued. */
  begin(): Promise<void>;
  close(report: RobustnessReport): Promise<void>;
  /** Ends early; returns a note about what is left, where there is something. */
  abort(): Promise<string | undefined>;
}

/** Opens the file of a run over so many rows; one that is continued is cut off after its last whole condition. */
export async function openRobustnessJournal(
  output: OutputFile,
  { rows, ...given }: { path: string; resume: boolean; origin: Origin; rows: number },
): Promise<RobustnessJournal> {
  const journal = await Journal.open<Noted>(output, {
    ...given,
    kind: 'albertine robustness',
    noun: 'answer',
    keep: async (partial, noted) => {
      const { records } = await countCompleteRecords(partial, 'jsonl');
      const kept = rows * Math.min(noted?.conditions.length ?? 0, Math.floor(records / rows));
      await cutRecords(partial, kept);
      return kept;
    },
  });
  const conditions = (journal.known?.conditions ?? []).slice(0, journal.existing / rows);
  return {
    existing: journal.existing,
    options: {
      known: [...conditions],
      onRecord: (record) => journal.write({ ...record }),
      onCondition: async (condition) => {
        conditions.push(condition);
        await journal.note({ conditions });
      },
    },
    begin: () => journal.begin({ conditions }),
    close: (report) => {
      const summary: Partial<RobustnessReport> = { ...report };
      delete summary.conditions;
      return journal.close(summary);
    },
    abort: () => journal.abort(),
  };
}
