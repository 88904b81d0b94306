import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT, WORK } from './paths.ts';

/** A table with a sentence about how it was measured. */
export interface Table {
  title: string;
  note: string;
  columns: string[];
  rows: (string | number)[][];
}

/** Where a section's tables are kept until all sections are written as one document. */
const folder = (quick: boolean): string => join(WORK, quick ? 'results-quick' : 'results');

/** Keeps a section's tables, and rewrites the document from all sections measured so far. Returns its path. */
export function saveSection(section: string, tables: readonly Table[], quick: boolean): string {
  mkdirSync(folder(quick), { recursive: true });
  const command = `npx tsx bench/inference/bench.ts ${process.argv.slice(2).join(' ')}`.trim();
  writeFileSync(
    join(folder(quick), `${section}.md`),
    [...tables.map(format), `Command: \`${command}\`. ${machine()}\n`].join('\n'),
  );
  const sections = readdirSync(folder(quick))
    .sort()
    .map((name) => readFileSync(join(folder(quick), name), 'utf8'));
  const path = quick ? join(WORK, 'RESULTS-quick.md') : join(ROOT, 'bench', 'inference', 'RESULTS.md');
  const head =
    '# Inference beside transformers.js\n\nWritten by `bench/inference/bench.ts`. Times depend on the machine; the ratios are what to read. Ratios above 1 mean that albertine is ahead.\n';
  writeFileSync(path, [head, ...sections].join('\n'));
  return path;
}

/** A table as Markdown, with numbers rounded to three digits. */
export function format({ title, note, columns, rows }: Table): string {
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => (typeof cell === 'number' ? round(cell) : cell)).join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    note,
    '',
    line(columns),
    `|${columns.map(() => '---').join('|')}|`,
    ...rows.map(line),
    '',
  ].join('\n');
}

function round(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

const version = (name: string): string => {
  const path = join(ROOT, 'node_modules', name, 'package.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : 'absent';
};

/** Processor, threads, versions and load, in a sentence. */
export function machine(): string {
  const features = ['avx512f', 'avx512_vnni', 'avx_vnni', 'amx_int8'].filter(
    (flag) => existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'utf8').includes(flag),
  );
  const commit = (() => {
    try {
      return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
    } catch {
      return 'unknown';
    }
  })();
  return [
    `Machine: ${cpus()[0].model.trim()} (${features.join(', ') || 'no vector extensions listed'}), ${availableParallelism()} processors, ${(totalmem() / 2 ** 30).toFixed(0)} GiB;`,
    `Node ${process.version}, onnxruntime-node ${version('onnxruntime-node')}, @huggingface/transformers ${version('@huggingface/transformers')}, albertine ${commit};`,
    `load average ${loadavg()[0].toFixed(1)} at the end.`,
  ].join(' ');
}
