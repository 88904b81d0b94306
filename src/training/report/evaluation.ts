import type { Labels } from './labels.ts';
import { escapeMarkup, formatNumber } from '../../core/markup.ts';
import type { EvaluationRecord, RunInfo } from './run-record.ts';
import { section } from './tables.ts';

/** A metric with its values by group of held-out examples: `pairLoss_en` is the metric `pairLoss` of the group `en`. */
export interface MetricFamily {
  name: string;
  /** Groups in order of appearance; empty for most metrics. */
  groups: string[];
}

/** The metrics of all evaluations. A name is another one's group if it is that name, an underscore and a word. */
export function metricFamilies(evaluations: readonly EvaluationRecord[]): MetricFamily[] {
  const names = [...new Set(evaluations.flatMap(({ metrics }) => Object.keys(metrics)))];
  const familyOf = (name: string): string | undefined => names.find((other) => name.startsWith(`${other}_`));
  return names
    .filter((name) => familyOf(name) === undefined)
    .map((name) => ({
      name,
      groups: names.filter((other) => familyOf(other) === name).map((other) => other.slice(name.length + 1)),
    }));
}

/**
 * The figures of the last evaluation: by group where there are any, else beside those of the best one. Undefined before
 * the first evaluation.
 */
export function evaluationSection(
  evaluations: readonly EvaluationRecord[],
  best: RunInfo['bestCheckpoint'],
  label: Labels,
): string | undefined {
  const last = evaluations.at(-1);
  if (!last) return undefined;
  const families = metricFamilies(evaluations);
  const groups = [...new Set(families.flatMap((family) => family.groups))];
  const bestOne =
    groups.length === 0 && best?.step !== last.step ? evaluations.find(({ step }) => step === best?.step) : undefined;
  const heads =
    groups.length > 0
      ? [label('all'), ...groups]
      : [
          `${label('step')} ${formatNumber(last.step, 9)}`,
          ...(bestOne ? [`${label('best')}: ${label('step')} ${formatNumber(bestOne.step, 9)}`] : []),
        ];
  const rows = families.map(({ name }) => {
    const values =
      groups.length > 0
        ? [last.metrics[name], ...groups.map((group) => last.metrics[`${name}_${group}`])]
        : [last.metrics[name], ...(bestOne ? [bestOne.metrics[name]] : [])];
    return `<tr><th>${escapeMarkup(name)}</th>${values.map((value) => `<td class="number">${value === undefined ? '' : formatNumber(value)}</td>`).join('')}</tr>`;
  });
  const head = heads.map((text) => `<th class="number">${escapeMarkup(text)}</th>`).join('');
  const caption = groups.length > 0 ? `<p class="caption">${label('step')} ${formatNumber(last.step, 9)}</p>` : '';
  return section(
    label('lastEvaluation'),
    `<div class="scroll"><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${caption}`,
  );
}
