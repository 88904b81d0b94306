import { countOf } from '../../core/count.ts';
import type { AttackReport } from '../../analysis/robustness/attack.ts';
import { worstCondition, type RobustnessCondition, type RobustnessReport } from '../../analysis/robustness/report.ts';
import { fitWidth, formatTable } from '../terminal/text-width.ts';

/** What is printed of a report: a table, examples, attacks. */
export function describeRobustness(
  report: RobustnessReport,
  attacks: readonly AttackReport[],
  columns: number,
): string {
  const { metric, clean, rows, available, conditions, fingerprint } = report;
  const worst = worstCondition(report);
  const parts = [
    `${countOf(rows, 'row')}${rows < available ? ` of ${available.toLocaleString('en-US')}` : ''}, clean ${metric} ${figure(clean.mean)} (95 %: ${figure(clean.low)} to ${figure(clean.high)})${clean.ece === undefined ? '' : `, ECE ${figure(clean.ece)}`}`,
    conditionTable(report),
    ...(worst ? [`worst: ${worst.perturbation} at severity ${worst.severity}, ${metric} ${figure(worst.value)}`] : []),
    examplesOf(conditions, Math.max(60, columns)),
    ...attacks.map((attack) => describeAttack(attack, Math.max(60, columns))),
    fingerprint,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Conditions whose figure is below a limit, the attack among them. */
export function fallenUnder(limit: number, report: RobustnessReport, attacks: readonly AttackReport[]): string[] {
  return [
    ...report.conditions
      .filter(({ value }) => !(value >= limit))
      .map(({ perturbation, severity, value }) => `${perturbation} ${severity} (${figure(value)})`),
    ...attacks
      .filter(({ underAttack }) => !(underAttack.mean >= limit))
      .map(({ search, underAttack }) => `attack ${search} (${figure(underAttack.mean)})`),
  ];
}

const figure = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : 'undefined');
const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(1)} %` : '-');
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${figure(value)}`;

function conditionTable({ conditions, metric, rows }: RobustnessReport): string {
  if (conditions.length === 0) return '';
  const hasEce = conditions.some(({ ece }) => ece !== undefined);
  const anyRejected = conditions.some(({ rejected }) => rejected > 0);
  const head = [
    'perturbation',
    'severity',
    'changed',
    ...(anyRejected ? ['rejected'] : []),
    metric,
    'difference (95 %)',
    'consistency',
    ...(hasEce ? ['ECE'] : []),
    'worst group',
  ];
  const lines = conditions.map((one) => [
    one.perturbation,
    String(one.severity),
    percent(one.changed / rows),
    ...(anyRejected ? [percent(one.rejected / rows)] : []),
    figure(one.value),
    `${signed(one.difference.mean)} (${signed(one.difference.low)} to ${signed(one.difference.high)})`,
    percent(one.consistency),
    ...(hasEce ? [one.ece === undefined ? '' : figure(one.ece)] : []),
    one.worstGroup ? `${one.worstGroup.name} ${figure(one.worstGroup.value)}` : '',
  ]);
  const last = head.length - 1;
  return formatTable([head, ...lines], { right: head.flatMap((_, i) => (i > 0 && i < last ? [i] : [])) });
}

/** One failure of each perturbation, at its lowest severity that has one. */
function examplesOf(conditions: readonly RobustnessCondition[], width: number): string {
  const shown = new Map<string, string>();
  for (const { perturbation, failures } of conditions) {
    if (shown.has(perturbation) || failures.length === 0) continue;
    shown.set(perturbation, exampleLines(perturbation, failures[0], width));
  }
  return shown.size === 0 ? '' : `Examples of failures\n${[...shown.values()].join('\n')}`;
}

function exampleLines(
  name: string,
  { clean, perturbed, before, after }: RobustnessCondition['failures'][number],
  width: number,
): string {
  const part = perturbed.findIndex(({ edits }) => edits.length > 0);
  // The first edit is to be seen, also in a long text.
  const from = Math.max(0, perturbed[part].edits[0].start - Math.floor(width / 3));
  const window = (text: string): string =>
    fitWidth(`${from > 0 ? '…' : ''}${text.slice(from).replaceAll(/[\t\r\n]+/g, ' ')}`, width - 4).trimEnd();
  return [`  ${name}: ${before} -> ${after}`, `    ${window(clean[part])}`, `    ${window(perturbed[part].text)}`].join(
    '\n',
  );
}

function describeAttack(
  { search, queries, rows, attacked, success, clean, underAttack, wordsChanged, meanQueries, examples }: AttackReport,
  width: number,
): string {
  return [
    `Attack (${search}, up to ${queries} queries a row) on ${countOf(rows, 'row')}, ${attacked} of them answered rightly`,
    `  success ${percent(success.mean)} (95 %: ${percent(success.low)} to ${percent(success.high)}); right answers ${figure(clean)} without, ${figure(underAttack.mean)} under attack`,
    `  ${percent(wordsChanged)} of the words replaced in successful attacks; ${meanQueries.toFixed(1)} queries a row`,
    ...examples.slice(0, 3).map((example) => exampleLines('example', example, width)),
  ].join('\n');
}
