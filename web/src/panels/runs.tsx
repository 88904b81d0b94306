import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { formatNumber } from '../../../src/core/markup.ts';
import { lineChart, type ChartSeries } from '../../../src/training/report/chart.ts';
import {
  joinMetrics,
  parseMetrics,
  seriesOf,
  smooth,
  smoothingSpan,
  summarizeRun,
  type RunInfo,
  type RunRecord,
} from '../../../src/training/report/run-record.ts';
import type { ListedRun, RunLines } from '../../../src/server/run-lines.ts';
import { ApiError, ask, sleep } from '../api.ts';
import { Card, Choice, NotServed, Problem, type PanelProps } from '../parts/common.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

/** Milliseconds between two looks at a run that goes on. */
const LOOK_EVERY = 2000;

/** Curves of training runs. */
export function RunsPanel({ active }: PanelProps): JSX.Element {
  const t = useText();
  const runs = useWork<ListedRun[] | undefined>();
  const [chosen, choose] = useState<string>();
  useEffect(() => {
    if (active) runs.start(listed);
  }, [active]);
  if (runs.error) return <Problem error={runs.error} />;
  if (!runs.value)
    return runs.busy ? (
      <p role="status">{t.busy}</p>
    ) : (
      <NotServed what={t.runsNone} how={t.runsNoneHow} commands={['albertine playground --runs runs']} />
    );
  if (runs.value.length === 0) return <Card>{t.runsEmpty}</Card>;
  const run = runs.value.find(({ name }) => name === chosen) ?? runs.value[0];
  return (
    <>
      <div class="card form">
        <Choice
          label={t.runsChoose}
          value={run.name}
          options={runs.value.map(({ name, outcome }) => [
            name,
            `${name} (${outcome === undefined ? t.runsLive : (t.runsOutcome[outcome] ?? outcome)})`,
          ])}
          onChange={choose}
        />
      </div>
      <Followed key={run.name} name={run.name} active={active} />
    </>
  );
}

/** Undefined where no folder of runs is served, whose routes are not there then. */
async function listed(signal: AbortSignal): Promise<ListedRun[] | undefined> {
  try {
    return (await ask<{ runs: ListedRun[] }>('/v1/runs', undefined, signal)).runs;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

interface Log {
  metrics: string;
  events: string;
  info: RunInfo;
  readAt: Date;
}

/** Reads the lines that come, for as long as the run goes on and is looked at. */
function Followed({ name, active }: { name: string; active: boolean }): JSX.Element | null {
  const [log, setLog] = useState<Log>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    if (!active) return;
    const leave = new AbortController();
    void follow(name, setLog, leave.signal).catch((problem: Error) => {
      if (!leave.signal.aborted) setError(problem);
    });
    return () => leave.abort();
  }, [active]);
  const run = useMemo(() => log && recordOf(name, log), [log]);
  return (
    <>
      <Problem error={error} />
      {run && <Curves run={run} readAt={log!.readAt} />}
    </>
  );
}

async function follow(name: string, onLog: (log: Log) => void, signal: AbortSignal): Promise<void> {
  let [metrics, events, from] = ['', '', '0-0'];
  for (;;) {
    const route = `/v1/runs/${encodeURIComponent(name)}/events?from=${from}`;
    const lines = await ask<RunLines>(route, undefined, signal);
    if (lines.restarted) [metrics, events] = ['', ''];
    const isNew = lines.next !== from;
    metrics += lines.metrics;
    events += lines.events;
    from = lines.next;
    if (lines.more) continue;
    const { info } = lines;
    if (isNew || from === '0-0' || info.outcome !== undefined) onLog({ metrics, events, info, readAt: new Date() });
    if (info.outcome !== undefined) return;
    await sleep(LOOK_EVERY, signal);
  }
}

function recordOf(name: string, { metrics, events, info }: Log): RunRecord {
  return { ...joinMetrics(parseMetrics(metrics), parseMetrics(events, 'events.jsonl')), name, info };
}

function Curves({ run, readAt }: { run: RunRecord; readAt: Date }): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const summary = summarizeRun(run);
  const { outcome } = run.info;
  const tiles: [string, string][] = [
    [
      t.runsSteps,
      `${formatNumber(summary.steps, 9)}${summary.totalSteps === undefined ? '' : ` / ${formatNumber(summary.totalSteps, 9)}`}`,
    ],
    ...(summary.finalLoss === undefined ? [] : [[t.runsLoss, formatNumber(summary.finalLoss)] as [string, string]]),
    ...(summary.tokensPerSecond === undefined
      ? []
      : [[t.runsSpeed, formatNumber(summary.tokensPerSecond, 3)] as [string, string]]),
    ...(summary.best === undefined
      ? []
      : [[`${t.runsBest}: ${summary.best.metric}`, formatNumber(summary.best.value)] as [string, string]]),
  ];
  return (
    <>
      <dl class="figures">
        {tiles.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="note" role="status">
        {outcome === undefined && <span class="live">{t.runsLive}</span>}{' '}
        {t.runsUpdated(readAt.toLocaleTimeString(language === 'zh' ? 'zh-CN' : 'en-GB'))}
      </p>
      {run.steps.length + run.evaluations.length === 0 && <Card>{t.runsNothingYet}</Card>}
      <div class="charts">
        <TrainingCharts run={run} />
        <EvaluationCharts run={run} />
      </div>
      <RunNotes run={run} />
    </>
  );
}

/** Names of steps that are drawn first; others follow as they are, seconds are in the speed. */
const FIRST = ['loss', 'learningRate', 'gradNorm'];

function TrainingCharts({ run }: { run: RunRecord }): JSX.Element {
  const t = useText();
  const [logarithmic, setLogarithmic] = useState(false);
  const present = new Set(run.steps.flatMap(({ values }) => Object.keys(values)));
  const others = [...present].filter((name) => ![...FIRST, 'tokens', 'seconds'].includes(name)).sort();
  return (
    <>
      {[...FIRST.filter((name) => present.has(name)), ...others].map((name) => {
        const { steps: x, values: y } = seriesOf(run, name);
        const average = smooth(y, smoothingSpan(y.length));
        const isSmooth = name === 'learningRate' || y.length < 10;
        const series: ChartSeries[] = isSmooth
          ? [{ name, x, y, color: 1 }]
          : [
              { name, x, y, color: 1, style: 'faint' },
              { name: `${name} ~`, x, y: average, color: 1 },
            ];
        return (
          <Chart
            key={name}
            title={`${t.runsTraining}: ${name}`}
            series={series}
            logarithmic={name === 'loss' && logarithmic}
          >
            {name === 'loss' && (
              <label class="check">
                <input
                  type="checkbox"
                  checked={logarithmic}
                  onChange={(event) => setLogarithmic(event.currentTarget.checked)}
                />{' '}
                {t.runsLogarithmic}
              </label>
            )}
          </Chart>
        );
      })}
    </>
  );
}

function EvaluationCharts({ run }: { run: RunRecord }): JSX.Element {
  const t = useText();
  const names = [...new Set(run.evaluations.flatMap(({ metrics }) => Object.keys(metrics)))].sort();
  return (
    <>
      {names.map((name) => {
        const present = run.evaluations.filter(({ metrics }) => name in metrics);
        const x = present.map(({ step }) => step);
        const y = present.map(({ metrics }) => metrics[name]);
        return (
          <Chart
            key={name}
            title={`${t.runsEvaluation}: ${name}`}
            series={[{ name, x, y, color: 2, style: 'dots' }]}
            logarithmic={false}
          />
        );
      })}
    </>
  );
}

function Chart({
  title,
  series,
  logarithmic,
  children,
}: {
  title: string;
  series: ChartSeries[];
  logarithmic: boolean;
  children?: JSX.Element | false;
}): JSX.Element {
  const t = useText();
  const { svg } = lineChart(series, { title, xName: t.runsStep, logarithmic });
  return (
    <Card title={title}>
      {/* Made by `lineChart`, which escapes every name. */}
      <div class="chart" dangerouslySetInnerHTML={{ __html: svg }} />
      {children}
    </Card>
  );
}

function RunNotes({ run }: { run: RunRecord }): JSX.Element {
  const t = useText();
  const settings = Object.entries(run.info.config ?? {});
  return (
    <>
      {run.events.length + run.warnings.length > 0 && (
        <Card title={t.runsEvents}>
          <ul>
            {run.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
            {run.events.slice(-50).map(({ step, kind, message }, i) => (
              <li key={i}>
                {t.runsStep} {step}, {kind}: {message}
              </li>
            ))}
          </ul>
        </Card>
      )}
      {settings.length > 0 && (
        <details class="card">
          <summary>{t.runsSettings}</summary>
          <table class="data">
            <tbody>
              {settings.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{typeof value === 'string' ? value : JSON.stringify(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </>
  );
}
