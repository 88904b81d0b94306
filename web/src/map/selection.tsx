import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Card, Field } from '../parts/common.tsx';
import { useText } from '../text/use-text.ts';
import type { Grouping } from './groups.ts';
import { Swatch } from './swatch.tsx';

/** Texts that are listed at most. */
const LISTED = 200;

/** The texts that are selected on the map, and a way to select some without a pointer. */
export function Selection({
  texts,
  grouping,
  selected,
  onSelect,
}: {
  texts: readonly string[];
  grouping: Grouping | undefined;
  selected: ReadonlySet<number>;
  onSelect: (selected: ReadonlySet<number>) => void;
}): JSX.Element {
  const t = useText();
  const [words, setWords] = useState('');
  const find = (value: string): void => {
    setWords(value);
    const wanted = value.trim().toLowerCase();
    onSelect(
      new Set(wanted === '' ? [] : texts.flatMap((text, i) => (text.toLowerCase().includes(wanted) ? [i] : []))),
    );
  };
  const indices = [...selected].sort((a, b) => a - b);
  return (
    <Card>
      <div class="row">
        <Field label={t.mapFind} grow>
          {(id) => <input id={id} type="search" value={words} onInput={(event) => find(event.currentTarget.value)} />}
        </Field>
        <button
          type="button"
          disabled={selected.size === 0}
          onClick={() => {
            setWords('');
            onSelect(new Set());
          }}
        >
          {t.mapClear}
        </button>
      </div>
      <div role="status">
        <h3>{t.mapSelected(selected.size, texts.length)}</h3>
      </div>
      {selected.size === 0 ? (
        <p class="note">{t.mapNothing}</p>
      ) : (
        <ul class="selected" tabIndex={0} aria-label={t.mapSelected(selected.size, texts.length)}>
          {indices.slice(0, LISTED).map((i) => (
            <li key={i}>
              {grouping && <Swatch group={grouping.groups[grouping.of[i]]} />}
              {texts[i]}
            </li>
          ))}
        </ul>
      )}
      {indices.length > LISTED && <p class="note">{t.mapMoreSelected(indices.length - LISTED)}</p>}
    </Card>
  );
}
