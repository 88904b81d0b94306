import { writeFile } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { toJson } from '../../data/json.ts';
import { readTexts } from '../../data/read-node.ts';
import { measureAssociations, type AssociationReport } from '../../analysis/bias/associations.ts';
import { readGroups, readTemplates, readWeatTests } from '../../analysis/bias/files-node.ts';
import { GROUPS, SEAT_SENTENCES, TEMPLATES, WEAT_TESTS, type ListLanguage } from '../../analysis/bias/lists.ts';
import { ERROR_RATE, measureBias, type BiasReport } from '../../analysis/bias/measure.ts';
import { associationPage, biasPage } from '../../analysis/bias/page.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import { TextClassifier } from '../../tasks/classify/classifier.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { formatTable } from '../terminal/text-width.ts';

/** The flags of `albertine bias`, as commander gives them. */
export interface BiasFlags {
  templates?: string;
  groups?: string;
  language?: ListLanguage;
  class?: string;
  weat?: string | true;
  sentences?: string;
  failOver?: number;
  samples?: number;
  seed?: number;
  gaps?: number;
  json?: boolean;
  html?: string;
  overwrite?: boolean;
  printLists?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Flags that are for templates only. */
const OF_TEMPLATES = ['templates', 'groups', 'class', 'gaps'] as const;
const GAPS = 15;

/** A gap or an effect, as `--fail-over` judges it. */
interface Largest {
  value: number;
  what: string;
}

/** What was measured, in every form that it is asked for. */
interface Measured {
  json: unknown;
  text: string;
  page: string;
  largest: Largest | undefined;
}

/** Runs `albertine bias`. */
export async function runBias(io: CliIo, model: string | undefined, flags: BiasFlags): Promise<void> {
  if (flags.printLists) {
    await io.stdout.write(
      `${JSON.stringify({ templates: TEMPLATES, groups: GROUPS, weat: WEAT_TESTS, sentences: SEAT_SENTENCES }, null, 2)}\n`,
    );
    return;
  }
  if (model === undefined) throw new UsageError('name a model, or give --print-lists');
  const { html, overwrite } = flags;
  requireUse(flags);
  const inputs = [
    model,
    flags.templates,
    flags.groups,
    flags.sentences,
    ...(typeof flags.weat === 'string' ? [flags.weat] : []),
  ];
  const page = html === undefined ? undefined : await claimOutput(html, { inputs, overwrite });
  try {
    using opened = await openModel(io, model, flags);
    const isClassifier = opened.loaded.heads.includes('sequenceClassification');
    const measured =
      flags.weat !== undefined || !isClassifier
        ? await associations(io, opened, flags)
        : await gapsOfGroups(io, opened, flags);
    if (page) {
      await writeFile(page.partial, measured.page);
      await page.commit();
    }
    await io.stdout.write(flags.json ? `${toJson(measured.json)}\n` : measured.text);
    requireUnder(measured.largest, flags.failOver);
  } finally {
    await page?.abandon({ keep: false });
  }
}

/** Refuses flags that would do nothing. */
function requireUse(flags: BiasFlags): void {
  if (flags.weat !== undefined)
    for (const name of OF_TEMPLATES)
      if (flags[name] !== undefined) throw new UsageError(`--${name} is for templates, not for --weat`);
  if (flags.json && flags.gaps !== undefined) throw new UsageError('--gaps is for the tables; --json has all of them');
  if (flags.language !== undefined) {
    const own =
      flags.weat === undefined
        ? [flags.templates, flags.groups]
        : [flags.weat === true ? undefined : flags.weat, flags.sentences];
    if (own.every((file) => file !== undefined))
      throw new UsageError('--language chooses among the lists that are shipped, and none of them is used');
  }
}

async function gapsOfGroups(io: CliIo, opened: NodeAlbert, flags: BiasFlags): Promise<Measured> {
  if (flags.sentences !== undefined) throw new UsageError('--sentences is for --weat');
  const { language = 'en' } = flags;
  const bar = createProgressBar(io, flags);
  const report = await measureBias(TextClassifier.from(opened), {
    templates: flags.templates === undefined ? TEMPLATES[language] : await readTemplates(flags.templates),
    groups: flags.groups === undefined ? GROUPS[language] : await readGroups(flags.groups),
    ...(flags.class !== undefined && { label: flags.class }),
    ...pick(flags, ['samples', 'seed']),
    onProgress: bar.update,
    signal: io.signal,
  }).finally(() => bar.finish());
  if (report.foreignLabels > 0)
    io.stderr.write(
      `note: the model does not have the label of ${countOf(report.foreignLabels, 'template')}: they count for scores, not for errors\n`,
    );
  const [gap] = report.gaps;
  return {
    json: report,
    text: describeGaps(report, flags.gaps ?? GAPS),
    page: biasPage(report),
    largest: {
      value: Math.abs(gap.difference),
      what: `${gap.attribute}, ${gap.first} and ${gap.second}, ${gap.measure === ERROR_RATE ? ERROR_RATE : `score of ${gap.measure}`}`,
    },
  };
}

async function associations(io: CliIo, opened: NodeAlbert, flags: BiasFlags): Promise<Measured> {
  const unused = OF_TEMPLATES.find((name) => flags[name] !== undefined);
  if (unused !== undefined)
    throw new UsageError(`--${unused} is for classifiers, and this model has no classifier: its vectors are tested`);
  const { language = 'en', weat } = flags;
  const sentences: string[] = [];
  if (flags.sentences !== undefined) for await (const { text } of readTexts(flags.sentences)) sentences.push(text);
  const bar = createProgressBar(io, flags);
  const report = await measureAssociations(opened, {
    tests: typeof weat === 'string' ? await readWeatTests(weat) : WEAT_TESTS[language],
    sentences: flags.sentences === undefined ? SEAT_SENTENCES[language] : sentences,
    ...(flags.samples !== undefined && { permutations: flags.samples }),
    ...pick(flags, ['seed']),
    onProgress: bar.update,
    signal: io.signal,
  }).finally(() => bar.finish());
  const largest = report.associations.reduce((a, b) => (Math.abs(b.effectSize) > Math.abs(a.effectSize) ? b : a));
  return {
    json: report,
    text: describeAssociations(report),
    page: associationPage(report),
    largest: { value: Math.abs(largest.effectSize), what: `${largest.kind}, ${largest.name}` },
  };
}

/** Throws where the largest gap is over the limit, after everything has been printed. */
function requireUnder(largest: Largest | undefined, limit: number | undefined): void {
  if (limit === undefined || largest === undefined || largest.value <= limit) return;
  throw new AlbertineError(
    'invalid_data',
    `the largest gap is ${largest.value.toFixed(4)} (${largest.what}), over the limit of ${limit}`,
    { value: largest.value },
  );
}

/** A p-value; never 0, which none is. */
const share = (value: number): string => (value < 0.00005 ? '<0.0001' : value.toFixed(4));
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(4)}`;

function describeGaps({ attributes, gaps, texts, fingerprint }: BiasReport, most: number): string {
  const parts = attributes.map(({ name, templates, labelledTemplates, groups }) => {
    const outputs = Object.keys(groups[0].scores);
    const hasErrors = groups[0].errorRate !== undefined;
    const rows = [
      ['group', 'terms', ...outputs.map((output) => `score of ${output}`), ...(hasErrors ? [ERROR_RATE] : [])],
      ...groups.map(({ group, terms, scores, errorRate }) => [
        group,
        String(terms),
        ...outputs.map((output) => scores[output].toFixed(4)),
        ...(errorRate === undefined ? [] : [errorRate.toFixed(4)]),
      ]),
    ];
    const right = rows[0].map((_, column) => column).slice(1);
    return `${name}: ${countOf(templates, 'template')}${hasErrors ? `, ${labelledTemplates} with a label` : ''}\n${formatTable(rows, { indent: '  ', right })}`;
  });
  const rows = [
    ['gap', '95 %', 'p', 'corrected', 'of', 'groups'],
    ...gaps
      .slice(0, most)
      .map(({ attribute, measure, first, second, difference, low, high, pValue, adjusted }) => [
        signed(difference),
        low === high ? '-' : `${signed(low)} to ${signed(high)}`,
        share(pValue),
        share(adjusted),
        measure,
        `${attribute}: ${first} - ${second}`,
      ]),
  ];
  const certain = gaps.filter(({ adjusted }) => adjusted < 0.05).length;
  return `${[
    ...parts,
    `${gaps.length > most ? `the ${most} largest of ${gaps.length} gaps` : countOf(gaps.length, 'gap')}, ${certain} with a corrected p below 0.05\n${formatTable(rows, { indent: '  ', right: [0, 1, 2, 3] })}`,
    `${countOf(texts, 'text')}; ${fingerprint}`,
  ].join('\n\n')}\n`;
}

function describeAssociations({ associations: found, texts, fingerprint }: AssociationReport): string {
  const rows = [
    ['', 'd', 'p', 'corrected', 'X, Y', 'A, B', 'test'],
    ...found.map(({ name, kind, effectSize, pValue, adjusted, sets, sizes }) => [
      kind,
      signed(effectSize),
      share(pValue),
      share(adjusted),
      `${sets.X} ${sizes.X}, ${sets.Y} ${sizes.Y}`,
      `${sets.A} ${sizes.A}, ${sets.B} ${sizes.B}`,
      name,
    ]),
  ];
  return `${formatTable(rows, { right: [1, 2, 3] })}\n\nd above 0: X goes with A, and Y with B. p is one-sided.\n${countOf(texts, 'text')}; ${fingerprint}\n`;
}
