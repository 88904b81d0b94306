import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { embedTexts } from '../map/embed.ts';
import { EXAMPLE } from '../map/examples.ts';
import { groupsOf, type Group, type Grouping } from '../map/groups.ts';
import { principalComponents, type Points } from '../map/pca.ts';
import { formatOfName, formatOfText, readTextRows, type TextRows } from '../map/rows.ts';
import { Scatter } from '../map/scatter.tsx';
import { Selection } from '../map/selection.tsx';
import { Swatch } from '../map/swatch.tsx';
import { neighboursOf, umapOf } from '../map/umap.ts';
import {
  Card,
  Choice,
  Field,
  Fingerprint,
  Form,
  Go,
  ModelChoice,
  NoModel,
  percent,
  Problem,
  TextField,
  useModels,
  type PanelProps,
} from '../parts/common.tsx';
import { useWork } from '../parts/use-work.ts';
import { useText } from '../text/use-text.ts';

/** Texts of a map at most: more are slow to compute here and dense to look at. */
const MOST_TEXTS = 5000;

interface Mapped {
  rows: Record<string, string>[];
  fields: string[];
  texts: string[];
  /** Texts there were. */
  all: number;
  vectors: number[][];
  /** When it was made: another map begins anew. */
  madeAt: number;
  fingerprint: string;
}

/** A map of the texts of a file. */
export function MapPanel({ models }: PanelProps): JSX.Element {
  const t = useText();
  const choice = useModels(models, ({ dimensions }) => dimensions !== undefined);
  const [pasted, setPasted] = useState(EXAMPLE);
  const [file, setFile] = useState<File>();
  const [field, setField] = useState<string>();
  const reading = useWork<TextRows>();
  const work = useWork<Mapped>();
  const [done, setDone] = useState<readonly [number, number]>();
  useEffect(() => {
    setField(undefined);
    reading.start(async () =>
      file
        ? await readTextRows(file, file.name, formatOfName(file.name))
        : await readTextRows(new Blob([pasted]), t.mapPasted, formatOfText(pasted)),
    );
  }, [file, pasted]);
  const { model } = choice;
  if (!model) return <NoModel commands={['albertine playground --model albertine-nano-en-zh']} />;
  const source = reading.value;
  const textField = field ?? source?.textField;
  const make = (): void =>
    work.start(async (signal) => {
      const rows = source?.rows.filter((row) => (row[textField!] ?? '').trim() !== '') ?? [];
      if (rows.length < 3) throw new Error(t.mapTooFew);
      const used = rows.slice(0, MOST_TEXTS);
      const texts = used.map((row) => row[textField!]);
      setDone([0, texts.length]);
      const onDone = (count: number): void => setDone([count, texts.length]);
      const embedded = await embedTexts(texts, { model: model.name, signal, onDone });
      const fields = source!.fields.filter((name) => name !== textField);
      return { rows: used, fields, texts, all: rows.length, madeAt: performance.now(), ...embedded };
    });
  return (
    <>
      <Form onSubmit={make}>
        <Source {...{ pasted, setPasted, file, setFile }} />
        <Problem error={reading.error} />
        <div class="row">
          <ModelChoice {...choice} />
          {source && source.fields.length > 1 && (
            <Choice
              label={t.mapTextField}
              value={textField!}
              options={source.fields.map((name) => [name, name])}
              onChange={setField}
            />
          )}
        </div>
        {source && <p class="note">{told(source, t)}</p>}
        <Go work={work}>{t.mapMake}</Go>
        {work.busy && done && (
          <div class="progress">
            <progress value={done[0]} max={done[1]} aria-label={t.mapEmbedding(done[0], done[1])} />
            <span>{t.mapEmbedding(done[0], done[1])}</span>
          </div>
        )}
        <Problem error={work.error} />
      </Form>
      {work.value && <TheMap key={work.value.madeAt} mapped={work.value} />}
    </>
  );
}

function told({ rows, name, skipped, issue }: TextRows, t: ReturnType<typeof useText>): string {
  const left = skipped > 0 && issue ? ` ${t.mapSkipped(skipped, `${issue.row}: ${issue.reason}`)}` : '';
  return `${t.mapReadFrom(rows.length, name)}${left}`;
}

/** A file that is dropped or chosen, or what is pasted. */
function Source({
  pasted,
  setPasted,
  file,
  setFile,
}: {
  pasted: string;
  setPasted: (text: string) => void;
  file: File | undefined;
  setFile: (file: File | undefined) => void;
}): JSX.Element {
  const t = useText();
  const [over, setOver] = useState(false);
  return (
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        setFile(event.dataTransfer?.files[0]);
      }}
    >
      {file ? (
        <p class="row">
          <b>{file.name}</b>
          <button type="button" onClick={() => setFile(undefined)}>
            {t.mapClear}
          </button>
        </p>
      ) : (
        <TextField label={t.mapPaste} value={pasted} onInput={setPasted} rows={6} />
      )}
      <Field label={t.mapDrop} grow>
        {(id) => (
          <input
            id={id}
            type="file"
            accept=".txt,.csv,.tsv,.jsonl,.ndjson"
            onChange={(event) => setFile(event.currentTarget.files?.[0])}
          />
        )}
      </Field>
    </div>
  );
}

type Method = 'pca' | 'umap';

function TheMap({ mapped }: { mapped: Mapped }): JSX.Element {
  const t = useText();
  const { rows, fields, texts, all, vectors, fingerprint } = mapped;
  const [method, setMethod] = useState<Method>('pca');
  const [field, setField] = useState(() => fields.find((name) => distinct(rows, name) <= 12) ?? '');
  const [selected, select] = useState<ReadonlySet<number>>(new Set());
  const [round, setRound] = useState<readonly [number, number]>();
  const pca = useMemo(() => principalComponents(vectors), [vectors]);
  const umap = useWork<Points>();
  useEffect(() => {
    if (method !== 'umap' || umap.value) return;
    setRound(undefined);
    umap.start((signal) => umapOf(vectors, { signal, onRound: (done, rounds) => setRound([done, rounds]) }));
  }, [method]);
  const grouping = useMemo(() => (field === '' ? undefined : groupsOf(rows.map((row) => row[field]))), [rows, field]);
  const points = method === 'pca' ? pca.points : umap.value;
  return (
    <div class="results">
      <Card>
        <div class="row">
          <Choice
            label={t.mapMethod}
            value={method}
            options={[
              ['pca', 'PCA'],
              ['umap', 'UMAP'],
            ]}
            onChange={(value) => setMethod(value as Method)}
          />
          {fields.length > 0 && (
            <Choice
              label={t.mapColour}
              value={field}
              options={[['', t.mapNoColour], ...fields.map((name) => [name, name] as const)]}
              onChange={setField}
            />
          )}
        </div>
        <Problem error={umap.error} />
        {points ? (
          <Scatter {...{ points, texts, grouping, selected }} onSelect={select} />
        ) : (
          <p role="status" class="waiting">
            {round ? t.mapUmap(...round) : t.mapUmapStart}
          </p>
        )}
        {grouping && <Legend grouping={grouping} onSelect={select} />}
        <p class="note">
          {method === 'pca'
            ? t.mapPcaShare(percent(pca.shares[0]), percent(pca.shares[1]))
            : t.mapUmapNote(neighboursOf(texts.length))}
          {all > texts.length && ` ${t.mapCut(texts.length, all)}`}
        </p>
        <Fingerprint value={fingerprint} />
      </Card>
      <Selection {...{ texts, grouping, selected }} onSelect={select} />
    </div>
  );
}

const distinct = (rows: readonly Record<string, string>[], name: string): number =>
  new Set(rows.map((row) => row[name])).size;

/** What the colours mean; a press selects the texts of one. */
function Legend({
  grouping: { groups, of },
  onSelect,
}: {
  grouping: Grouping;
  onSelect: (selected: ReadonlySet<number>) => void;
}): JSX.Element {
  const t = useText();
  const nameOf = ({ name }: Group): string =>
    name === undefined
      ? t.mapOthers
      : typeof name === 'string'
        ? name
        : t.mapNumberRange(...(name.map(String) as [string, string]));
  return (
    <ul class="groups">
      {groups.map((group, index) => (
        <li key={index}>
          <button type="button" onClick={() => onSelect(new Set(of.flatMap((own, i) => (own === index ? [i] : []))))}>
            <Swatch group={group} />
            {nameOf(group)} <small>{group.count}</small>
          </button>
        </li>
      ))}
    </ul>
  );
}
