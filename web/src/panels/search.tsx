import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, ask } from '../api.ts';
import { Card, Choice, Field, Form, Go, NotServed, Problem, type PanelProps } from '../parts/common.tsx';
import { Marked } from '../parts/marked.tsx';
import { useWork } from '../parts/use-work.ts';
import { useText } from '../text/use-text.ts';

interface Found {
  text: string;
  score: number;
  file?: string;
  start?: number;
  end?: number;
  title?: string;
  headings?: string[];
  page?: number;
  row?: number;
}

interface Answer {
  query: string;
  results: Found[];
}

/** An index as `/v1/indexes` lists it: a name, or an object with one. */
type ListedIndex = string | { name: string; modes?: string[] };

const MODES = ['hybrid', 'vector', 'lexical'];

/** Passages of an index that is served. */
export function SearchPanel({ active }: PanelProps): JSX.Element | null {
  const t = useText();
  const indexes = useWork<ListedIndex[]>();
  useEffect(() => {
    if (active && !indexes.value) indexes.start(listed);
  }, [active]);
  if (indexes.error) return <Problem error={indexes.error} />;
  if (!indexes.value) return <p role="status">{t.busy}</p>;
  if (indexes.value.length === 0)
    return (
      <NotServed
        what={t.searchNone}
        how={t.searchNoneHow}
        commands={['albertine index build notes --output my-index', 'albertine playground --index my-index']}
      />
    );
  return <Searching indexes={indexes.value} />;
}

/** Of a server without any, which does not have the route either, none. */
async function listed(signal: AbortSignal): Promise<ListedIndex[]> {
  try {
    return (await ask<{ indexes: ListedIndex[] }>('/v1/indexes', undefined, signal)).indexes;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

function Searching({ indexes }: { indexes: readonly ListedIndex[] }): JSX.Element {
  const t = useText();
  const names = indexes.map((one) => (typeof one === 'string' ? one : one.name));
  const [index, setIndex] = useState(names[0]);
  const [query, setQuery] = useState('');
  const [mode, setMode] = useState(MODES[0]);
  const [limit, setLimit] = useState(10);
  const work = useWork<Answer>();
  const chosen = indexes.find((one) => typeof one !== 'string' && one.name === index);
  const modes = (typeof chosen === 'object' && chosen.modes) || MODES;
  const search = (): void =>
    work.start(async (signal) => {
      const { results } = await ask<Answer>('/v1/search', { index, query, limit, mode }, signal);
      return { query, results };
    });
  return (
    <>
      <Form onSubmit={search}>
        <Field label={t.searchQuery} grow>
          {(id) => (
            <input
              id={id}
              type="search"
              required
              value={query}
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
          )}
        </Field>
        <div class="row">
          <Choice label={t.searchIndex} value={index} options={names.map((name) => [name, name])} onChange={setIndex} />
          <Choice
            label={t.searchMode}
            value={mode}
            options={modes.map((name) => [name, t.searchModes[name] ?? name])}
            onChange={setMode}
          />
          <Field label={t.searchLimit}>
            {(id) => (
              <input
                id={id}
                type="number"
                min={1}
                max={100}
                value={limit}
                onInput={(event) => setLimit(event.currentTarget.valueAsNumber)}
              />
            )}
          </Field>
        </div>
        <Go work={work}>{t.search}</Go>
        <Problem error={work.error} />
      </Form>
      {work.value && <Results answer={work.value} />}
    </>
  );
}

function Results({ answer: { query, results } }: { answer: Answer }): JSX.Element {
  const t = useText();
  return (
    <div class="results" aria-live="polite">
      <Card title={results.length === 0 ? t.searchNothing : t.searchFound(results.length)}>
        <ol class="found">
          {results.map(({ text, score, file, start, end, title, headings = [], page, row }, i) => (
            <li key={i}>
              {(title !== undefined || headings.length > 0) && (
                <p class="above">{[...(title === undefined ? [] : [title]), ...headings].join(' › ')}</p>
              )}
              <Marked text={text} marks={wordsOf(query, text)} />
              <p class="note">
                {t.score} {score.toFixed(4)}
                {file !== undefined && ` · ${t.searchFrom(file)}`}
                {page !== undefined && ` · ${t.searchPage(page)}`}
                {row !== undefined && ` · ${t.searchRow(row)}`}
                {start !== undefined && end !== undefined && ` · ${start}–${end}`}
              </p>
            </li>
          ))}
        </ol>
      </Card>
    </div>
  );
}

/** Where words of the query stand in a text, as they are written; single letters are no words. */
function wordsOf(query: string, text: string): { start: number; end: number; colour: number; strength: number }[] {
  const words = query.match(/\p{Script=Han}|[\p{L}\p{N}]{3,}/gu) ?? [];
  if (words.length === 0) return [];
  const pattern = new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'giu');
  return [...text.matchAll(pattern)].map((match) => ({
    ...{ start: match.index, end: match.index + match[0].length },
    ...{ colour: 1, strength: 0.4 },
  }));
}
