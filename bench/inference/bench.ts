/**
 * Inference beside `@huggingface/transformers`, section by section; see `prepare.ts` for making the models first. Every
 * contender runs in a process of its own; contenders take turns, the leader changes every round, and samples taken
 * while other processes used more than a tenth of the machine are dropped.
 *
 * Run: `npx tsx bench/inference/bench.ts [sections] [options]`; sections (default: all): throughput latency load peak
 * soak
 *   --threads 1,2      thread counts to measure. Default: 1 and all
 *   --sentences 2000   of the throughput section
 *   --rounds N         rounds; the default is the section's own
 *   --shape base       or xxlarge, for latency and load
 *   --quick            a smoke run: few sentences, one round, results apart from RESULTS.md
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { existsSync } from 'node:fs';
import { compileBench } from './compile.ts';
import { ourFolder, type ShapeName } from './paths.ts';
import { format, saveSection } from './report.ts';
import { latency, load, throughput, type SectionOptions } from './sections.ts';
import { peak, soak } from './engine-sections.ts';

const SECTIONS = { throughput, latency, load, peak, soak };
type SectionName = keyof typeof SECTIONS;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string' },
    sentences: { type: 'string' },
    rounds: { type: 'string' },
    shape: { type: 'string', default: 'base' },
    quick: { type: 'boolean', default: false },
  },
});
const names = (positionals.length > 0 ? positionals : Object.keys(SECTIONS)) as SectionName[];
for (const name of names)
  if (!(name in SECTIONS)) throw new Error(`unknown section ${name}; choose from ${Object.keys(SECTIONS).join(', ')}`);
const shape = values.shape as ShapeName;
if (!existsSync(ourFolder(shape))) {
  console.log(`${shape} is not prepared: run npx tsx bench/inference/prepare.ts ${shape}`);
  process.exit(1);
}
const options: SectionOptions = {
  shape,
  quick: values.quick,
  threads: values.threads?.split(',').map(Number) ?? [...new Set([1, availableParallelism()])],
  sentences: Number(values.sentences ?? (values.quick ? 64 : 2000)),
  ...(values.rounds !== undefined && { rounds: Number(values.rounds) }),
};
await compileBench();
for (const name of names) {
  const tables = await SECTIONS[name](options);
  console.log(tables.map(format).join('\n'));
  console.log(`written to ${saveSection(shape === 'base' ? name : `${name}-${shape}`, tables, values.quick)}\n`);
}
