import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { explainingSystemErrors } from '../core/system-errors.ts';
import { withLine, type StudyHeader, type StudyLine, type StudyRecord } from './study-record.ts';

/** The file of a study in its folder. */
export const STUDY_FILE = 'study.jsonl';

/**
 * Reads a study; also while it goes on. A last line that was cut short, as a killed process leaves it, is left out with
 * a note. Throws `file_not_found` where there is none, `invalid_file` for one that is damaged.
 */
export async function readStudy(folder: string): Promise<StudyRecord> {
  return (await readStudyFile(folder)).record;
}

async function readStudyFile(folder: string): Promise<{ record: StudyRecord; bytes: number }> {
  const path = join(folder, STUDY_FILE);
  const data = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
      ? new AlbertineError('file_not_found', `${folder} holds no study: it has no ${STUDY_FILE}`, {
          value: folder,
          cause,
        })
      : cause;
  });
  const bytes = data.lastIndexOf(10) + 1;
  const lines = data.subarray(0, bytes).toString('utf8').split('\n').slice(0, -1);
  const notes =
    bytes < data.length
      ? [`the last line of ${path} was cut short and is left out (${data.length - bytes} bytes)`]
      : [];
  let record: StudyRecord = { header: undefined as never, objectives: undefined, trials: [], retrainings: [], notes };
  lines.forEach((line, index) => {
    record = readLine(record, line, `${path}, line ${index + 1}`);
  });
  if (lines.length === 0)
    throw new AlbertineError('invalid_file', `${path} is empty: the study was killed before it began`, {
      value: path,
      hint: 'Start it anew with overwrite',
    });
  return { record, bytes };
}

function readLine(record: StudyRecord, line: string, place: string): StudyRecord {
  const fail = (problem: string, cause?: unknown): AlbertineError =>
    new AlbertineError('invalid_file', `${place}: ${problem}`, { value: line.slice(0, 200), cause });
  let parsed: StudyLine;
  try {
    parsed = JSON.parse(line) as StudyLine;
  } catch (cause) {
    throw fail('not JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw fail('not an object');
  if ((record.header === undefined) !== 'study' in parsed) throw fail('a study begins with one line that describes it');
  if ('study' in parsed && parsed.study.version !== 1) throw fail('the study is of a later version of albertine');
  try {
    return withLine(record, parsed);
  } catch (cause) {
    throw fail(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The file of a study while it is written: every line is on the disk before anything follows from it. */
export class StudyFile {
  private readonly path: string;
  private readonly handle: FileHandle;
  private current: StudyRecord;
  private last: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, record: StudyRecord) {
    this.path = path;
    this.handle = handle;
    this.current = record;
  }

  /** Starts one. */
  static async create(folder: string, header: StudyHeader): Promise<StudyFile> {
    const path = join(folder, STUDY_FILE);
    const handle = await explainingSystemErrors(path, () => open(path, 'w'));
    const empty: StudyRecord = { header, objectives: header.objectives, trials: [], retrainings: [], notes: [] };
    const file = new StudyFile(path, handle, empty);
    await file.append({ study: header });
    return file;
  }

  /** Continues one; a line that was cut short is removed. */
  static async continue(folder: string): Promise<StudyFile> {
    const { record, bytes } = await readStudyFile(folder);
    const path = join(folder, STUDY_FILE);
    const handle = await explainingSystemErrors(path, () => open(path, 'r+'));
    await handle.truncate(bytes);
    await handle.close();
    return new StudyFile(path, await open(path, 'a'), record);
  }

  /** The study as it stands. */
  get record(): StudyRecord {
    return this.current;
  }

  /** Adds lines; the record has them at once, the disk when the promise resolves. */
  async append(...lines: readonly StudyLine[]): Promise<void> {
    for (const line of lines) this.current = withLine(this.current, line);
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.last = this.last.then(() =>
      explainingSystemErrors(this.path, async () => {
        await this.handle.appendFile(text);
        await this.handle.datasync();
      }),
    );
    await this.last;
  }

  /** Waits for what is being written, and closes. */
  async close(): Promise<void> {
    await this.last.catch(() => undefined);
    await this.handle.close();
  }
}
