import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ask } from '../api.ts';
import {
  Card,
  Field,
  Fingerprint,
  Form,
  Go,
  ModelChoice,
  NoModel,
  percent,
  Problem,
  readable,
  TextField,
  useModels,
  type PanelProps,
} from '../parts/common.tsx';
import { HeadGrid, HeadMatrix } from '../parts/heads.tsx';
import { tint } from '../parts/marked.tsx';
import { useWork } from '../parts/use-work.ts';
import { useLanguage, useText } from '../text/use-text.ts';

interface Answer {
  tokens: { token: string }[];
  /** `[depth][head][query][key]`. */
  attentions: number[][][][];
  fingerprint: string;
}

const EXAMPLES = {
  en: 'The animal did not cross the street because it was too tired.',
  zh: '小明把书还给了老师，因为他已经读完了。',
};
/** Keys of a token that are listed. */
const LISTED = 5;

/** Where heads look. */
export function AttentionPanel({ models }: PanelProps): JSX.Element {
  const t = useText();
  const language = useLanguage();
  const choice = useModels(models, ({ dimensions }) => dimensions !== undefined);
  const [given, setText] = useState<string>();
  const text = given ?? EXAMPLES[language];
  const work = useWork<Answer>();
  const { model } = choice;
  if (!model) return <NoModel commands={['albertine playground --model albertine-nano-en-zh']} />;
  return (
    <>
      <Form onSubmit={() => work.start((signal) => ask('/v1/attention', { model: model.name, text }, signal))}>
        <TextField label={t.text} value={text} onInput={setText} rows={2} />
        <div class="row">
          <ModelChoice {...choice} />
        </div>
        <Go work={work}>{t.attentionRun}</Go>
        <Problem error={work.error} />
      </Form>
      {work.value && <Heads answer={work.value} />}
    </>
  );
}

function Heads({ answer: { tokens, attentions, fingerprint } }: { answer: Answer }): JSX.Element {
  const t = useText();
  const names = tokens.map(({ token }) => readable(token));
  const [chosen, choose] = useState<readonly [depth: number, head: number]>([attentions.length - 1, 0]);
  // Another model may have fewer.
  const depth = Math.min(chosen[0], attentions.length - 1);
  const head = Math.min(chosen[1], attentions[depth].length - 1);
  const matrix = attentions[depth][head];
  return (
    <div class="results">
      <Card title={t.attentionAll}>
        <p class="note">{t.attentionAllHow}</p>
        <HeadGrid attentions={attentions} chosen={[depth, head]} onChoose={choose} />
        <div class="row sliders">
          <Slider
            label={t.attentionDepth}
            count={attentions.length}
            value={depth}
            onChange={(value) => choose([value, head])}
          />
          <Slider
            label={t.attentionHead}
            count={attentions[depth].length}
            value={head}
            onChange={(value) => choose([depth, value])}
          />
        </div>
      </Card>
      <Card title={t.attentionHeadOf(depth + 1, head + 1)}>
        <Looking names={names} matrix={matrix} />
        <h4>{t.attentionMatrix}</h4>
        <HeadMatrix names={names} matrix={matrix} label={t.attentionMatrixLabel(depth + 1, head + 1)} />
        <p class="note">{t.attentionCaution}</p>
        <Fingerprint value={fingerprint} />
      </Card>
    </div>
  );
}

function Slider({
  label,
  count,
  value,
  onChange,
}: {
  label: string;
  count: number;
  value: number;
  onChange: (value: number) => void;
}): JSX.Element {
  return (
    <Field label={`${label} ${value + 1} / ${count}`} grow>
      {(id) => (
        <input
          id={id}
          type="range"
          min={1}
          max={count}
          value={value + 1}
          onInput={(event) => onChange(event.currentTarget.valueAsNumber - 1)}
        />
      )}
    </Field>
  );
}

/** The text, shaded by where one of its tokens looks. */
function Looking({ names, matrix }: { names: readonly string[]; matrix: readonly number[][] }): JSX.Element {
  const t = useText();
  const [chosen, choose] = useState(1);
  const from = Math.min(chosen, names.length - 1);
  const row = matrix[from];
  const most = Math.max(...row, 1e-9);
  const ranked = Array.from(row, (share, key) => ({ share, key }))
    .sort((a, b) => b.share - a.share)
    .slice(0, LISTED);
  return (
    <>
      <h4>{t.attentionFrom}</h4>
      <div class="tokens" role="group" aria-label={t.attentionFrom}>
        {names.map((name, i) => (
          <button
            key={i}
            type="button"
            aria-pressed={i === from}
            style={{ backgroundColor: tint(1, row[i] / most) }}
            onClick={() => choose(i)}
          >
            {name}
          </button>
        ))}
      </div>
      <p class="note" aria-live="polite">
        {t.attentionFromToken(names[from])}{' '}
        {ranked.map(({ share, key }, i) => (
          <span key={key}>
            {i > 0 && ' · '}
            <b>{names[key]}</b> {percent(share)}
          </span>
        ))}
      </p>
    </>
  );
}
