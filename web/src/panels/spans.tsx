import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask, type Counts } from '../api.ts';
import {
  Bars,
  Card,
  Field,
  Fingerprint,
  Form,
  Go,
  Happened,
  ModelChoice,
  NoModel,
  percent,
  Problem,
  TextField,
  useModels,
  type PanelProps,
} from '../parts/common.tsx';
import { colourOf, Marked } from '../parts/marked.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

interface Entity {
  label: string;
  start: number;
  end: number;
  text: string;
  score: number;
}

interface Tagged {
  text: string;
  entities: Entity[];
  counts: Counts;
  fingerprint?: string | undefined;
}

interface Span {
  answer: string;
  start: number;
  end: number;
  score: number;
}

interface Read {
  context: string;
  best: Span;
  answers: Span[];
  counts: Counts;
  fingerprint?: string | undefined;
}

interface Predicted<R> {
  results: (Counts & R)[];
  fingerprint?: string;
}

const TEXTS = {
  en: 'Ada Lovelace met Charles Babbage in London in 1833 and wrote the first program for his engine.',
  zh: '钱学森1911年出生于上海，后来在加州理工学院任教，1955年回到北京。',
};
const QUESTIONS = { en: 'Where did Ada Lovelace meet Charles Babbage?', zh: '钱学森出生在哪里？' };

/** Entities and answers, marked where they stand. */
export function SpansPanel(props: PanelProps): JSX.Element {
  const t = useText();
  return (
    <>
      <section aria-labelledby="entities" class="panel">
        <h3 id="entities" class="part">
          {t.spansEntities}
        </h3>
        <Entities {...props} />
      </section>
      <section aria-labelledby="answers" class="panel">
        <h3 id="answers" class="part">
          {t.spansAnswers}
        </h3>
        <Answers {...props} />
      </section>
    </>
  );
}

function Entities({ models }: PanelProps): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const choice = useModels(models, ({ services }) => services.includes('tag'));
  const [given, setText] = useState<string>();
  const text = given ?? TEXTS[language];
  const work = useWork<Tagged>();
  const { model } = choice;
  if (!model)
    return (
      <NoModel
        commands={[
          'albertine finetune tag --train names.conll --output runs/names',
          'albertine playground --model albertine-nano-en-zh names=runs/names',
        ]}
      />
    );
  const mark = (): void =>
    work.start(async (signal) => {
      const body = { model: model.name, task: 'tag', inputs: [text] };
      const { results, fingerprint } = await ask<Predicted<{ entities: Entity[] }>>('/v1/predict', body, signal);
      const [{ entities, ...counts }] = results;
      return { text, entities, counts, fingerprint };
    });
  return (
    <>
      <Form onSubmit={mark}>
        <TextField label={t.text} value={text} onInput={setText} />
        <div class="row">
          <ModelChoice {...choice} />
        </div>
        <Go work={work}>{t.spansMark}</Go>
        <Problem error={work.error} />
      </Form>
      {work.value && <EntityList tagged={work.value} />}
    </>
  );
}

function EntityList({ tagged: { text, entities, counts, fingerprint } }: { tagged: Tagged }): JSX.Element {
  const t = useText();
  const labels = [...new Set(entities.map(({ label }) => label))].sort();
  return (
    <div class="results" aria-live="polite">
      <Card>
        {entities.length === 0 && <p class="lead">{t.spansNoEntities}</p>}
        <Marked
          text={text}
          marks={entities.map(({ label, start, end, score }) => ({
            ...{ start, end, label },
            colour: colourOf(labels.indexOf(label)),
            title: `${label}, ${percent(score)}`,
          }))}
        />
        <Happened counts={counts} />
        {entities.length > 0 && (
          <details>
            <summary>{t.asTable}</summary>
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">{t.text}</th>
                  <th scope="col">{t.label}</th>
                  <th scope="col" class="number">
                    {t.score}
                  </th>
                </tr>
              </thead>
              <tbody>
                {entities.map(({ text: name, label, start, score }) => (
                  <tr key={start}>
                    <th scope="row">{name}</th>
                    <td>{label}</td>
                    <td class="number">{percent(score)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        )}
        <Fingerprint value={fingerprint} />
      </Card>
    </div>
  );
}

function Answers({ models }: PanelProps): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const choice = useModels(models, ({ services }) => services.includes('answer'));
  const [givenContext, setContext] = useState<string>();
  const [givenQuestion, setQuestion] = useState<string>();
  const context = givenContext ?? TEXTS[language];
  const question = givenQuestion ?? QUESTIONS[language];
  const work = useWork<Read>();
  const { model } = choice;
  if (!model)
    return (
      <NoModel
        commands={[
          'albertine finetune answer --train questions.json --output runs/reader',
          'albertine playground --model albertine-nano-en-zh reader=runs/reader',
        ]}
      />
    );
  const answer = (): void =>
    work.start(async (signal) => {
      const body = { model: model.name, task: 'answer', inputs: [{ question, context }], options: { topK: 5 } };
      type Answered = Span & { answers?: Span[] };
      const { results, fingerprint } = await ask<Predicted<Answered>>('/v1/predict', body, signal);
      const [{ answers = [], ...best }] = results;
      return { context, best, answers, counts: best, fingerprint };
    });
  return (
    <>
      <Form onSubmit={answer}>
        <Field label={t.spansQuestion} grow>
          {(id) => <input id={id} value={question} onInput={(event) => setQuestion(event.currentTarget.value)} />}
        </Field>
        <TextField label={t.spansContext} value={context} onInput={setContext} />
        <div class="row">
          <ModelChoice {...choice} />
        </div>
        <Go work={work}>{t.spansAnswer}</Go>
        <Problem error={work.error} />
      </Form>
      {work.value && <AnswerList read={work.value} />}
    </>
  );
}

function AnswerList({ read: { context, best, answers, counts, fingerprint } }: { read: Read }): JSX.Element {
  const t = useText();
  return (
    <div class="results" aria-live="polite">
      <Card>
        <p class="lead">{best.start < 0 ? t.spansNoAnswer : t.spansBest(best.answer)}</p>
        <Marked
          text={context}
          marks={best.start < 0 ? [] : [{ start: best.start, end: best.end, colour: 1, title: percent(best.score) }]}
        />
        <Bars label={t.spansAnswers} rows={answers.map(({ answer: name, score }) => ({ name, score }))} />
        <Happened counts={counts} />
        <Fingerprint value={fingerprint} />
      </Card>
    </div>
  );
}
