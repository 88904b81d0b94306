/**
 * ALBERTScore beside people and beside `bert_score`: correlation of metrics with human scores of translations, and, with
 * `--python`, how far scores are from those of the Python package on the same folder, and how long either takes.
 *
 *     npx tsx bench/analysis/score.ts [--model FOLDER] [--threads N] [--python PYTHON] [--limit PAIRS] [--json]
 *
 * Data: mlqe-pe (Fomicheva et al. 2020, CC0), en-zh and ro-en: machine translations with direct assessments (z-scores,
 * mean over raters) and post-edits. The reference is the post-edit of the same translation, so correlations are higher
 * than with independent references. Chinese is joined (the files have spaces between words). The depth is the one
 * with the highest Pearson correlation of F1 on dev; figures are of test, segment level. `source` compares the English or
 * Romanian source with the translation, across languages. Data lie in `../shared/data` or `$ALBERTINE_DATA`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Albert, BUILT_IN_MODEL } from '../../src/index.ts';
import { shippedModelFolder } from '../../src/loaded/load-node.ts';
import { scoreFiles, type FilesScore } from '../../src/analysis/score/score-node.ts';
import { SCORE_METRICS } from '../../src/analysis/score/score-run.ts';
import { AlbertScorer } from '../../src/analysis/score/scorer.ts';
import { openRows } from '../../src/data/index.ts';
import { kendallTau, pearson, spearman } from '../../src/metrics/index.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { DATA, readFileLines, spread } from '../pretraining/data.ts';

const PAIRS = { 'en-zh': 'enzh', 'ro-en': 'roen' } as const;
type Pair = keyof typeof PAIRS;

interface Judged {
  source: string;
  candidate: string;
  reference: string;
  score: number;
}

async function readJudged(pair: Pair, split: 'dev' | 'test20'): Promise<Judged[]> {
  const folder = join(DATA, 'mlqe-pe');
  const join2 = (text: string): string =>
    pair === 'en-zh' ? text.replaceAll(/\s+(?=\P{ASCII})|(?<=\P{ASCII})\s+/gu, '') : text;
  const lines = async (ending: string): Promise<string[]> =>
    await readFileLines(join(folder, `${pair}-${split}`, `${split}.${ending}`));
  const [source, candidates, references] = [await lines('src'), await lines('mt'), await lines('pe')];
  const scores: number[] = [];
  const table = join(folder, split === 'dev' ? `${pair}-dev` : pair, `${split}.${PAIRS[pair]}.df.short.tsv`);
  for await (const { fields } of openRows(table, { format: 'tsv', quotes: 'none' }))
    scores.push(Number(fields['z_mean']));
  return candidates.map((candidate, i) => ({
    source: source[i],
    candidate: join2(candidate),
    reference: join2(references[i]),
    score: scores[i],
  }));
}

const write = (folder: string, name: string, rows: readonly object[]): string => {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};

interface Figure {
  pair: Pair;
  metric: string;
  pearson: number;
  spearman: number;
  kendall: number;
}

function figuresOf(pair: Pair, result: FilesScore, people: readonly number[], suffix = ''): Figure[] {
  return Object.keys(result.metrics).map((name) => {
    const own = result.values(name);
    return {
      pair,
      metric: `${name === 'f1' ? `ALBERTScore F1 (layer ${result.layer})` : name}${suffix}`,
      pearson: pearson(own, people),
      spearman: spearman(own, people),
      kendall: kendallTau(own, people),
    };
  });
}

const PYTHON = `
import json, sys, time
rows, model, layer, threads = json.load(open(sys.argv[1])), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
import torch
torch.set_num_threads(threads)
from bert_score import BERTScorer
scorer = BERTScorer(model_type=model, num_layers=layer, nthreads=0)
scorer.score(rows['candidates'][:8], rows['references'][:8])
start = time.perf_counter()
scores = torch.stack(scorer.score(rows['candidates'], rows['references']), 1).tolist()
print(json.dumps({'seconds': time.perf_counter() - start, 'scores': scores}))
`;

interface Beside {
  pair: Pair;
  pairs: number;
  furthest: number;
  seconds: number;
  pythonSeconds: number;
}

async function besidePython(
  scorer: AlbertScorer,
  {
    pair,
    rows,
    python,
    threads,
    folder,
  }: { pair: Pair; rows: Judged[]; python: string; threads: number; folder: string },
): Promise<Beside> {
  const texts = {
    candidates: rows.map(({ candidate }) => candidate),
    references: rows.map(({ reference }) => reference),
  };
  const path = join(folder, `${pair}.json`);
  writeFileSync(path, JSON.stringify(texts));
  await scorer.score({ candidates: ['warm'], references: ['up'] });
  const started = performance.now();
  const { scores } = await scorer.score(texts);
  const seconds = (performance.now() - started) / 1000;
  const model = shippedModelFolder(scorer.model.checkpoint.location) ?? scorer.model.checkpoint.location;
  const { stdout, stderr, status } = spawnSync(
    python,
    ['-c', PYTHON, path, model, String(scorer.layer), String(threads)],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(stderr);
  const theirs = JSON.parse(stdout.trim().split('\n').at(-1)!) as { seconds: number; scores: number[][] };
  const furthest = scores.reduce(
    (most, { precision, recall, f1 }, i) =>
      Math.max(most, ...[precision, recall, f1].map((value, k) => Math.abs(value - theirs.scores[i][k]))),
    0,
  );
  return { pair, pairs: rows.length, furthest, seconds, pythonSeconds: theirs.seconds };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: BUILT_IN_MODEL },
      threads: { type: 'string', default: '1' },
      python: { type: 'string' },
      limit: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const threads = wholeNumber('--threads', values.threads)!;
  const limit = wholeNumber('--limit', values.limit);
  using model = await Albert.load(values.model, { threads });
  const folder = mkdtempSync(join(tmpdir(), 'albertine-score-'));
  const [figures, layers, beside]: [Figure[], object[], Beside[]] = [[], [], []];
  for (const pair of Object.keys(PAIRS) as Pair[]) {
    const [dev, test] = [spread(await readJudged(pair, 'dev'), limit), spread(await readJudged(pair, 'test20'), limit)];
    const people = test.map(({ score }) => score);
    const judged = await scoreFiles(model, {
      input: write(folder, 'dev.jsonl', dev),
      humanField: 'score',
      layer: 'auto',
    });
    layers.push(...judged.layers!.map((row) => ({ pair, ...row })));
    const input = write(folder, 'test.jsonl', test);
    figures.push(
      ...figuresOf(pair, await scoreFiles(model, { input, layer: judged.layer!, metrics: SCORE_METRICS }), people),
      ...figuresOf(pair, await scoreFiles(model, { input, layer: judged.layer!, idf: 'references' }), people, ', idf'),
      ...figuresOf(
        pair,
        await scoreFiles(model, {
          input,
          layer: judged.layer!,
          referenceField: 'source',
          metrics: ['albertscore', 'cosine'],
        }),
        people,
        ', source',
      ),
    );
    if (values.python !== undefined)
      beside.push(
        await besidePython(AlbertScorer.from(model, { layer: judged.layer! }), {
          pair,
          rows: test,
          python: values.python,
          threads,
          folder,
        }),
      );
  }
  rmSync(folder, { recursive: true });
  const digits = (value: number): string => value.toFixed(3);
  print(
    { figures, layers, beside },
    {
      json: values.json,
      tables: [
        markdown(
          ['pair', 'metric', 'Pearson', 'Spearman', 'Kendall'],
          figures.map((row) => [row.pair, row.metric, digits(row.pearson), digits(row.spearman), digits(row.kendall)]),
        ),
        markdown(
          ['pair', 'layer', 'Pearson on dev', 'Spearman on dev'],
          (layers as { pair: string; layer: number; pearson: number; spearman: number }[]).map((row) => [
            row.pair,
            String(row.layer),
            digits(row.pearson),
            digits(row.spearman),
          ]),
        ),
        ...(beside.length === 0
          ? []
          : [
              markdown(
                ['pair', 'pairs', 'largest difference', 'albertine s', 'bert_score s', 'ratio'],
                beside.map((row) => [
                  row.pair,
                  String(row.pairs),
                  row.furthest.toExponential(1),
                  row.seconds.toFixed(2),
                  row.pythonSeconds.toFixed(2),
                  (row.pythonSeconds / row.seconds).toFixed(2),
                ]),
              ),
            ]),
      ],
    },
  );
});
