import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWandbLog } from './wandb-log.ts';
import { objectJson, readRecord, type WandbValues } from './wandb-records.ts';
import { printedLine, type WandbLines } from './wandb-sender.ts';

/** What the parts of a run that goes on hold: its folders of the same id, in their order. */
export interface EarlierParts {
  id: string;
  /** Their `.wandb` files. */
  paths: string[];
  /** The last row, and the names that it has. */
  last: { step: number; names: ReadonlySet<string> };
  /** From the first start to the last row, pauses left out. */
  seconds: number;
  config: WandbValues;
  summary: WandbValues;
  /** Everything that they would have sent. */
  lines: WandbLines;
}

const PART = /^offline-run-\d{8}_\d{6}-(\w+)$/;

/** The parts of the latest run in a folder; undefined where there is none. What cannot be read of a part is left out. */
export function readEarlierParts(folder: string): EarlierParts | undefined {
  const names = listFolder(folder).filter((name) => PART.test(name));
  const id = PART.exec(names.at(-1) ?? '')?.[1];
  if (id === undefined) return undefined;
  const parts: EarlierParts = {
    id,
    paths: names.filter((name) => name.endsWith(`-${id}`)).map((name) => join(folder, name, `run-${id}.wandb`)),
    last: { step: -1, names: new Set() },
    seconds: 0,
    config: {},
    summary: {},
    lines: { history: [], output: [] },
  };
  for (const path of parts.paths) addPart(parts, path);
  return parts;
}

function addPart(parts: EarlierParts, path: string): void {
  for (const record of readWandbLog(readFileSync(path))) {
    const read = readRecord(record);
    if (read?.kind === 'config') parts.config = { ...parts.config, ...read.values };
    else if (read?.kind === 'summary') parts.summary = { ...parts.summary, ...read.values };
    else if (read?.kind === 'output') parts.lines.output.push(printedLine(read.line, read.milliseconds));
    else if (read?.kind === 'history') {
      parts.lines.history.push(objectJson(read.values));
      const { _step, _runtime, ...others } = read.values;
      parts.last = { step: Number(_step), names: new Set(Object.keys(others).filter((name) => name !== '_timestamp')) };
      parts.seconds = Number(_runtime);
    }
  }
}

const listFolder = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);
