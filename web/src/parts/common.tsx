import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { ApiError, Unreachable, type AboutModel, type Counts } from '../api.ts';
import { useText } from '../text/use-text.ts';
import type { Work } from './use-work.ts';

/** What every panel is given. */
export interface PanelProps {
  models: readonly AboutModel[];
  /** Whether it is the one in sight. */
  active: boolean;
}

/** An error of the server as it is, or why it was not reached. */
export function Problem({ error }: { error: Error | undefined }): JSX.Element | null {
  const t = useText();
  if (!error) return null;
  if (error instanceof ApiError)
    return (
      <p class="problem" role="alert">
        <code>{error.code}</code> {error.message}
      </p>
    );
  return (
    <p class="problem" role="alert">
      {error instanceof Unreachable ? `${t.unreachable} (${error.message})` : error.message}
    </p>
  );
}

/** A titled part of a panel. */
export function Card({ title, children }: { title?: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="card">
      {title !== undefined && <h3>{title}</h3>}
      {children}
    </section>
  );
}

/** A label with what it names. */
export function Field({
  label,
  children,
  grow = false,
}: {
  label: string;
  children: (id: string) => ComponentChildren;
  grow?: boolean;
}): JSX.Element {
  const id = useId();
  return (
    <div class={grow ? 'field grow' : 'field'}>
      <label for={id}>{label}</label>
      {children(id)}
    </div>
  );
}

/** One of several values. */
export function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
}): JSX.Element {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A text of several lines. Ctrl-Enter sends its form. */
export function TextField({
  label,
  value,
  onInput,
  rows = 3,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  rows?: number;
}): JSX.Element {
  return (
    <Field label={label} grow>
      {(id) => (
        <textarea
          id={id}
          rows={rows}
          // Where it grows with its contents, `rows` counts for nothing.
          style={{ minHeight: `${rows * 1.5 + 1.3}em` }}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
          }}
        />
      )}
    </Field>
  );
}

/** A form that does not leave the page. */
export function Form({ onSubmit, children }: { onSubmit: () => void; children: ComponentChildren }): JSX.Element {
  return (
    <form
      class="card form"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** The button that starts, with what says that it is at work and a way to stop. */
export function Go({
  work,
  children,
}: {
  work: Pick<Work<unknown>, 'busy' | 'cancel'>;
  children: ComponentChildren;
}): JSX.Element {
  const t = useText();
  return (
    <div class="go">
      <button type="submit" class="primary">
        {children}
      </button>
      {work.busy && (
        <button type="button" onClick={work.cancel}>
          {t.cancel}
        </button>
      )}
      <span class="status" role="status">
        {work.busy ? t.busy : ''}
      </span>
    </div>
  );
}

/** The models that can do something, and the one that is chosen; undefined where there is none. */
export function useModels(
  models: readonly AboutModel[],
  can: (model: AboutModel) => boolean,
): { able: readonly AboutModel[]; model: AboutModel | undefined; choose: (name: string) => void } {
  const [name, choose] = useState<string>();
  const able = models.filter(can);
  return { able, model: able.find((one) => one.name === name) ?? able[0], choose };
}

/** Which of the able models is asked; nothing where there is no choice. */
export function ModelChoice({ able, model, choose }: ReturnType<typeof useModels>): JSX.Element | null {
  const t = useText();
  if (!model) return null;
  return <Choice label={t.model} value={model.name} options={able.map(({ name }) => [name, name])} onChange={choose} />;
}

/** Says that something is not served, and how to serve it. */
export function NotServed({ what, how, commands }: { what: string; how: string; commands: string[] }): JSX.Element {
  return (
    <Card>
      <p class="lead">{what}</p>
      <p>{how}</p>
      <pre class="command">{commands.join('\n')}</pre>
    </Card>
  );
}

/** Says that no model is served that can do something, and which command makes and serves one. */
export function NoModel({ commands }: { commands: string[] }): JSX.Element {
  const t = useText();
  return <NotServed what={t.noModel} how={t.noModelHow} commands={commands} />;
}

/** What happened to a text that the reader should know. */
export function Happened({
  counts: { windows = 1, truncatedTokens = 0, unknownTokens = 0 },
}: {
  counts: Counts;
}): JSX.Element | null {
  const t = useText();
  const notes = [
    ...(windows > 1 ? [t.windowed(windows)] : []),
    ...(truncatedTokens > 0 ? [t.truncated(truncatedTokens)] : []),
    ...(unknownTokens > 0 ? [t.unknown(unknownTokens)] : []),
  ];
  return notes.length === 0 ? null : <p class="note">{notes.join(' ')}</p>;
}

/** The model that computed what is shown, in small print. */
export function Fingerprint({ value }: { value: string | undefined }): JSX.Element | null {
  const t = useText();
  return value === undefined ? null : (
    <p class="fingerprint">
      {t.fingerprint}: {value}
    </p>
  );
}

/** Bars of numbers between 0 and 1. */
export function Bars({
  rows,
  label,
}: {
  rows: readonly { name: string; score: number }[];
  label: string;
}): JSX.Element {
  return (
    <table class="bars" aria-label={label}>
      <tbody>
        {rows.map(({ name, score }, i) => (
          <tr key={`${i} ${name}`}>
            <th scope="row">{name}</th>
            <td aria-hidden="true">
              <span class="bar" style={{ width: `${Math.max(0.5, 100 * Math.min(1, Math.max(0, score)))}%` }} />
            </td>
            <td class="number">{percent(score)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** `0.1234` as `12.3 %`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A token of a vocabulary as people read it. */
export const readable = (token: string): string => token.replace(/^▁(?=.)/u, '').replace(/^##(?=.)/u, '');
