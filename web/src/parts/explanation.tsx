import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask, type AboutModel } from '../api.ts';
import { useText } from '../text/use-text.ts';
import { Card, Choice, Go, Problem } from './common.tsx';
import { Marked, tint, type Mark } from './marked.tsx';
import { useWork } from './use-work.ts';

interface Attribution {
  text: string;
  start: number;
  end: number;
  attribution: number;
  side?: 'text' | 'pair';
}

interface Explained {
  method: string;
  output: string;
  logit: number;
  completeness?: { complete: boolean };
  attributions: Attribution[];
}

const METHODS = ['integrated-gradients', 'occlusion', 'gradient-x-input', 'attention-rollout'];
/** Colours of what speaks for a label, and against it. */
const [FOR, AGAINST] = [1, 2];

/** What in a text speaks for a label and what against it. */
export function Explanation({
  model,
  text,
  pair,
  labels,
}: {
  model: AboutModel;
  text: string;
  pair: string | undefined;
  labels: readonly string[];
}): JSX.Element {
  const t = useText();
  const work = useWork<Explained>();
  const [label, setLabel] = useState('');
  const [method, setMethod] = useState(METHODS[0]);
  const explain = (): void =>
    work.start((signal) =>
      ask(
        '/v1/explain',
        { model: model.name, text, ...(pair !== undefined && { pair }), method, ...(label !== '' && { label }) },
        signal,
      ),
    );
  return (
    <Card title={t.classifyWhy}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          explain();
        }}
      >
        <div class="row">
          {labels.length > 0 && (
            <Choice
              label={t.classifyWhyOf}
              value={label}
              options={[['', t.classifyWhyBest], ...labels.map((name) => [name, name] as const)]}
              onChange={setLabel}
            />
          )}
          <Choice
            label={t.classifyMethod}
            value={method}
            options={METHODS.map((name) => [name, name])}
            onChange={setMethod}
          />
        </div>
        <Go work={work}>{t.classifyExplain}</Go>
        <Problem error={work.error} />
      </form>
      {work.value && <Highlighted explained={work.value} {...{ text, pair }} />}
    </Card>
  );
}

function Highlighted({
  explained: { attributions, method, output, logit, completeness },
  text,
  pair,
}: {
  explained: Explained;
  text: string;
  pair: string | undefined;
}): JSX.Element {
  const t = useText();
  const most = Math.max(...attributions.map(({ attribution }) => Math.abs(attribution)), 1e-12);
  const marksOf = (side: 'text' | 'pair'): Mark[] =>
    attributions
      .filter((one) => (one.side ?? 'text') === side)
      .map(({ start, end, attribution }) => ({
        ...{ start, end },
        colour: attribution >= 0 ? FOR : AGAINST,
        strength: Math.abs(attribution) / most,
        title: attribution.toFixed(4),
      }));
  const ranked = [...attributions].sort((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution));
  return (
    <>
      <p class="legend">
        <span style={{ backgroundColor: tint(FOR, 1) }}>{t.classifyFor}</span>
        <span style={{ backgroundColor: tint(AGAINST, 1) }}>{t.classifyAgainst}</span>
      </p>
      <Marked text={text} marks={marksOf('text')} />
      {pair !== undefined && <Marked text={pair} marks={marksOf('pair')} />}
      <p class="note">
        {method === 'attention-rollout' ? t.classifyRollout : t.classifyWhyHow(output, logit.toFixed(3))}
        {completeness?.complete === false && ` ${t.classifyIncomplete}`}
      </p>
      <details>
        <summary>{t.asTable}</summary>
        <table class="data">
          <thead>
            <tr>
              <th scope="col">{t.word}</th>
              <th scope="col" class="number">
                {t.attribution}
              </th>
            </tr>
          </thead>
          <tbody>
            {ranked.map(({ text: word, start, attribution, side }) => (
              <tr key={`${side ?? ''}${start}`}>
                <th scope="row">{word}</th>
                <td class="number">{attribution.toFixed(4)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}
