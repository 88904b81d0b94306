import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask, type Counts } from '../api.ts';
import {
  Bars,
  Card,
  Fingerprint,
  Form,
  Go,
  Happened,
  ModelChoice,
  NoModel,
  Problem,
  TextField,
  useModels,
  type PanelProps,
} from '../parts/common.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

interface Answer {
  results: (Counts & { text: string; masks: { guesses: { text: string; score: number }[] }[] })[];
  fingerprint?: string;
}

const EXAMPLES = { en: 'she drank a [MASK] of hot tea', zh: '今天天气很[MASK]。' };

/** What could stand in the place of masks. */
export function MasksPanel({ models }: PanelProps): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const choice = useModels(models, ({ services }) => services.includes('fill-mask'));
  const [given, setText] = useState<string>();
  const text = given ?? EXAMPLES[language];
  const work = useWork<Answer>();
  const { model } = choice;
  if (!model) return <NoModel commands={['albertine playground --model albertine-nano-en-zh']} />;
  const guess = (): void =>
    work.start((signal) =>
      ask('/v1/predict', { model: model.name, task: 'fill-mask', inputs: [text], options: { topK: 8 } }, signal),
    );
  const [result] = work.value?.results ?? [];
  return (
    <>
      <Form onSubmit={guess}>
        <TextField label={t.masksText} value={text} onInput={setText} />
        <div class="row">
          <ModelChoice {...choice} />
          <button type="button" onClick={() => setText(`${text} [MASK]`)}>
            {t.masksInsert}
          </button>
        </div>
        <Go work={work}>{t.masksGuess}</Go>
        <Problem error={work.error} />
      </Form>
      {result && (
        <div class="results" aria-live="polite">
          <div class="columns">
            {result.masks.map(({ guesses }, i) => (
              <Card key={i} title={t.masksOf(i + 1)}>
                <Bars label={t.masksOf(i + 1)} rows={guesses.map(({ text: name, score }) => ({ name, score }))} />
              </Card>
            ))}
          </div>
          <Card title={t.masksFilled}>
            <p class="marked">{result.text}</p>
            <Happened counts={result} />
            <Fingerprint value={work.value?.fingerprint} />
          </Card>
        </div>
      )}
    </>
  );
}
