import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask, type AboutModel, type Counts } from '../api.ts';
import {
  Bars,
  Card,
  Choice,
  Field,
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
import { Explanation } from '../parts/explanation.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

interface Answer {
  results: (Counts & { label?: string; score?: number; value?: number; labels?: { label: string; score: number }[] })[];
  fingerprint?: string;
}

/** What was asked, so that an explanation is of the same. */
interface Asked {
  model: AboutModel;
  text: string;
  pair: string | undefined;
  task: string;
  answer: Answer;
}

const EXAMPLES = {
  en: 'A gripping, beautifully acted film that stays with you long after it ends.',
  zh: '房间很干净，服务也热情，就是早餐种类太少了。',
};
const LABELS = { en: 'travel, food, politics', zh: '旅游， 美食， 政治' };

/** Labels of texts, and why. */
export function ClassifyPanel({ models }: PanelProps): JSX.Element {
  const choice = useModels(models, ({ services }) => services.includes('classify') || services.includes('zero-shot'));
  const { model } = choice;
  const work = useWork<Asked>();
  if (!model)
    return (
      <NoModel
        commands={[
          'albertine finetune classify --train reviews.csv --output runs/reviews',
          'albertine playground --model albertine-nano-en-zh reviews=runs/reviews',
        ]}
      />
    );
  const { value: asked } = work;
  return (
    <>
      <Question key={model.name} choice={choice} model={model} work={work} />
      {asked && <Answered asked={asked} />}
    </>
  );
}

function Question({
  choice,
  model,
  work,
}: {
  choice: ReturnType<typeof useModels>;
  model: AboutModel;
  work: ReturnType<typeof useWork<Asked>>;
}): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const [given, setText] = useState<string>();
  const text = given ?? EXAMPLES[language];
  const [pair, setPair] = useState('');
  const [givenLabels, setLabels] = useState<string>();
  const labels = givenLabels ?? LABELS[language];
  const tasks = ['classify', 'zero-shot'].filter((name) => model.services.includes(name));
  const [chosen, setTask] = useState(tasks[0]);
  const task = tasks.includes(chosen) ? chosen : tasks[0];
  const names = { classify: t.classifyOwn, 'zero-shot': t.classifyYours } as Record<string, string>;
  const classify = (): void =>
    work.start(async (signal) => {
      const own = labels.split(/[,\uff0c\u3001]/).flatMap((label) => label.trim() || []);
      if (task === 'zero-shot' && own.length < 2) throw new Error(t.classifyNeedsLabels);
      const withPair = task === 'classify' && pair !== '';
      const body = {
        ...{ model: model.name, task },
        inputs: [withPair ? { text, pair } : text],
        options: task === 'zero-shot' ? { labels: own } : {},
      };
      const answer = await ask<Answer>('/v1/predict', body, signal);
      return { model, text, pair: withPair ? pair : undefined, task, answer };
    });
  return (
    <Form onSubmit={classify}>
      <TextField label={t.text} value={text} onInput={setText} />
      {task === 'classify' && <TextField label={t.classifyPair} value={pair} onInput={setPair} rows={1} />}
      {task === 'zero-shot' && (
        <Field label={t.classifyLabels} grow>
          {(id) => <input id={id} value={labels} onInput={(event) => setLabels(event.currentTarget.value)} />}
        </Field>
      )}
      <div class="row">
        <ModelChoice {...choice} />
        {tasks.length > 1 && (
          <Choice
            label={t.classifyWay}
            value={task}
            options={tasks.map((name) => [name, names[name]])}
            onChange={setTask}
          />
        )}
      </div>
      <Go work={work}>{t.classifyRun}</Go>
      <Problem error={work.error} />
    </Form>
  );
}

function Answered({ asked }: { asked: Asked }): JSX.Element {
  const t = useText();
  const { answer, task, model, text, pair } = asked;
  const [result] = answer.results;
  return (
    <div class="results" aria-live="polite">
      <Card title={t.classifyProbabilities}>
        {result.labels ? (
          <Bars
            label={t.classifyProbabilities}
            rows={result.labels.map(({ label: name, score }) => ({ name, score }))}
          />
        ) : (
          <p class="lead">
            {result.label ?? t.value}: {result.score ?? result.value}
          </p>
        )}
        <Happened counts={result} />
        <Fingerprint value={answer.fingerprint} />
      </Card>
      {task === 'classify' && (
        <Explanation
          // Another text is another explanation.
          key={`${model.name} ${text} ${pair ?? ''}`}
          {...{ model, text, pair }}
          labels={result.labels?.map(({ label }) => label) ?? []}
        />
      )}
    </div>
  );
}
