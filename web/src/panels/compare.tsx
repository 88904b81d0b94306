import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask } from '../api.ts';
import {
  Card,
  Choice,
  Fingerprint,
  Form,
  Go,
  ModelChoice,
  NoModel,
  Problem,
  TextField,
  useModels,
  type PanelProps,
} from '../parts/common.tsx';
import { HeatTable, type Alignment } from '../parts/heat-table.tsx';
import { tint } from '../parts/marked.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

interface Scored {
  alignment: Alignment;
  candidate: number;
  reference: number;
  fingerprint: string;
}

interface Compared {
  model: string;
  texts: string[];
  /** `[text][text]`. */
  cosines: number[][];
}

const EXAMPLES = {
  en: ['The cat sat quietly on the warm mat.', 'A kitten was resting on a rug.', 'Share prices fell sharply today.'],
  zh: ['今天北京的天气非常好。', '北京今天阳光明媚。', '股市今天大幅下跌。'],
};

/** Similarity of texts, whole and token by token. */
export function ComparePanel({ models }: PanelProps): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const choice = useModels(models, ({ dimensions }) => dimensions !== undefined);
  const [given, setTexts] = useState<readonly string[]>();
  const texts = given ?? EXAMPLES[language];
  const work = useWork<Compared>();
  const { model } = choice;
  if (!model) return <NoModel commands={['albertine playground --model albertine-nano-en-zh']} />;
  const compare = (): void =>
    work.start(async (signal) => {
      if (texts.some((text) => text.trim() === '')) throw new Error(t.compareEmpty);
      const body = { model: model.name, texts, options: { normalize: true } };
      const { results } = await ask<{ results: { vector: number[] }[] }>('/v1/embed', body, signal);
      const vectors = results.map(({ vector }) => vector);
      return { model: model.name, texts: [...texts], cosines: vectors.map((a) => vectors.map((b) => dot(a, b))) };
    });
  return (
    <>
      <Form onSubmit={compare}>
        <div class="texts">
          {texts.map((text, i) => (
            <div class="removable" key={i}>
              <TextField
                label={t.compareText(i + 1)}
                value={text}
                rows={2}
                onInput={(value) => setTexts(texts.with(i, value))}
              />
              {texts.length > 2 && (
                <button
                  type="button"
                  class="remove"
                  aria-label={t.compareRemove(i + 1)}
                  onClick={() => setTexts(texts.toSpliced(i, 1))}
                >
                  ×
                </button>
              )}
            </div>
          ))}
        </div>
        <div class="row">
          <ModelChoice {...choice} />
          <button type="button" onClick={() => setTexts([...texts, ''])}>
            {t.compareAdd}
          </button>
        </div>
        <Go work={work}>{t.compareRun}</Go>
        <Problem error={work.error} />
      </Form>
      {work.value && (
        <div class="results" aria-live="polite">
          <Cosines compared={work.value} />
          <TokenByToken key={work.value.texts.join('\n')} compared={work.value} />
        </div>
      )}
    </>
  );
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

function Cosines({ compared: { texts, cosines } }: { compared: Compared }): JSX.Element {
  const t = useText();
  return (
    <Card title={t.compareCosines}>
      <div class="scroll" tabIndex={0} role="region" aria-label={t.compareCosines}>
        <table class="heat wide">
          <thead>
            <tr>
              <td />
              {texts.map((text, i) => (
                <th key={i} scope="col" title={text}>
                  {i + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {texts.map((text, i) => (
              <tr key={i}>
                <th scope="row">
                  <span class="ellipsis">
                    {i + 1}. {text}
                  </span>
                </th>
                {cosines[i].map((cosine, j) => (
                  <td key={j} style={{ backgroundColor: tint(1, i === j ? 0 : cosine) }}>
                    {cosine.toFixed(3)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

/** ALBERTScore of one of the texts beside another. */
function TokenByToken({ compared: { model, texts } }: { compared: Compared }): JSX.Element {
  const t = useText();
  const work = useWork<Scored>();
  const [pair, setPair] = useState<readonly [number, number]>([0, 1]);
  const numbered = texts.map((text, i) => [String(i), `${i + 1}. ${short(text)}`] as const);
  const score = (): void =>
    work.start(async (signal) => {
      const [candidate, reference] = pair;
      const body = { model, candidates: [texts[candidate]], references: [texts[reference]], align: true };
      const { alignment, fingerprint } = await ask<Scored>('/v1/score', body, signal);
      return { alignment, fingerprint, candidate, reference };
    });
  const { value } = work;
  return (
    <Card title={t.compareScore}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          score();
        }}
      >
        <div class="row">
          <Choice
            label={t.compareCandidate}
            value={String(pair[0])}
            options={numbered}
            onChange={(index) => setPair([Number(index), pair[1]])}
          />
          <Choice
            label={t.compareReference}
            value={String(pair[1])}
            options={numbered}
            onChange={(index) => setPair([pair[0], Number(index)])}
          />
        </div>
        <Go work={work}>{t.run}</Go>
        <Problem error={work.error} />
      </form>
      {value && (
        <>
          <dl class="figures">
            <Figure name="F1" value={value.alignment.f1} />
            <Figure name={t.comparePrecision} value={value.alignment.precision} />
            <Figure name={t.compareRecall} value={value.alignment.recall} />
          </dl>
          <HeatTable alignment={value.alignment} />
          <Fingerprint value={value.fingerprint} />
        </>
      )}
    </Card>
  );
}

function Figure({ name, value }: { name: string; value: number }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value.toFixed(4)}</dd>
    </div>
  );
}

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
