import { AlbertineError } from '../core/errors.ts';

/** A labelled stretch: of a text in characters, of a sentence in words. `end` is exclusive. */
export interface Span {
  /** What kind of thing it is. */
  label: string;
  /** First character or word. */
  start: number;
  /** The one after the last. */
  end: number;
}

/**
 * How tags mark entities. `io`: a bare label on every word; `iob1`: I, and B only where an entity follows another of
 * its label; `iob2` (BIO): B begins every one; `iobes`: E ends and S stands alone; `bilou`: L and U for those; `bmes`:
 * M for I.
 */
export const TAG_SCHEMES = ['io', 'iob1', 'iob2', 'iobes', 'bilou', 'bmes'] as const;
/** One of {@link TAG_SCHEMES}. */
export type TagScheme = (typeof TAG_SCHEMES)[number];

/** A tag's part in its entity, whatever letters the scheme has for it. */
type Role = 'O' | 'B' | 'I' | 'E' | 'S';

interface Tag {
  role: Role;
  label: string;
}

const ROLES: Readonly<Record<string, Role>> = { B: 'B', I: 'I', M: 'I', E: 'E', L: 'E', S: 'S', U: 'S' };
const PREFIXED = /^([BIMELSU])[-_](.+)$/;

function parseTag(tag: string, scheme: TagScheme): Tag {
  if (tag === 'O' || tag === '') return { role: 'O', label: '' };
  if (scheme === 'io') return { role: 'I', label: tag.replace(PREFIXED, '$2') };
  const match = PREFIXED.exec(tag);
  // A bare letter marks entities of which there is one kind.
  if (!match) return Object.hasOwn(ROLES, tag) ? { role: ROLES[tag], label: '_' } : { role: 'I', label: tag };
  return { role: ROLES[match[1]], label: match[2] };
}

/**
 * The scheme that sentences of tags are written in, by the letters that occur and, for I and B alone, by where entities
 * begin.
 */
export function detectScheme(sentences: Iterable<readonly string[]>): TagScheme {
  const letters = new Set<string>();
  let [bare, begunByI, needlessB] = [0, 0, 0];
  for (const tags of sentences) {
    let before: Tag = { role: 'O', label: '' };
    for (const tag of tags) {
      const letter = PREFIXED.exec(tag)?.[1] ?? (Object.hasOwn(ROLES, tag) ? tag : undefined);
      if (letter !== undefined) letters.add(letter);
      else if (tag !== 'O' && tag !== '') bare++;
      const now = parseTag(tag, 'iob2');
      const follows = before.role !== 'O' && before.label === now.label;
      if (now.role === 'I' && !follows) begunByI++;
      if (now.role === 'B' && !follows) needlessB++;
      before = now;
    }
  }
  if (letters.size === 0) return bare > 0 ? 'io' : 'iob2';
  if (letters.has('M')) return 'bmes';
  if (letters.has('L') || letters.has('U')) return 'bilou';
  if (letters.has('E') || letters.has('S')) return 'iobes';
  if (!letters.has('B') || (begunByI > 0 && needlessB === 0)) return 'iob1';
  return 'iob2';
}

/**
 * Entities of one sentence's tags, as word spans. `lenient` reads wrong sequences as CoNLL's `conlleval` does (an I
 * after O begins an entity, one that does not end ends at the next); `strict` leaves out what the scheme does not
 * allow, as `seqeval`'s strict mode does.
 */
export function entitiesOfTags(
  tags: readonly string[],
  scheme: TagScheme,
  mode: 'lenient' | 'strict' = 'lenient',
): Span[] {
  const parsed = tags.map((tag) => parseTag(tag, scheme));
  return mode === 'strict' && scheme !== 'io' ? strictEntities(parsed, scheme) : lenientEntities(parsed);
}

function lenientEntities(tags: readonly Tag[]): Span[] {
  const spans: Span[] = [];
  let open: Span | undefined;
  let before: Tag = { role: 'O', label: '' };
  const close = (end: number): void => {
    if (open) spans.push({ ...open, end });
    open = undefined;
  };
  for (const [at, now] of [...tags, { role: 'O' as const, label: '' }].entries()) {
    if (endsChunk(before, now)) close(at);
    if (beginsChunk(before, now)) open = { label: now.label, start: at, end: at };
    before = now;
  }
  return spans;
}

const endsChunk = (before: Tag, now: Tag): boolean =>
  before.role === 'E' ||
  before.role === 'S' ||
  ((before.role === 'B' || before.role === 'I') && (now.role === 'B' || now.role === 'S' || now.role === 'O')) ||
  (before.role !== 'O' && before.label !== now.label);

const beginsChunk = (before: Tag, now: Tag): boolean =>
  now.role === 'B' ||
  now.role === 'S' ||
  ((before.role === 'E' || before.role === 'S' || before.role === 'O') && (now.role === 'E' || now.role === 'I')) ||
  (now.role !== 'O' && before.label !== now.label);

function strictEntities(tags: readonly Tag[], scheme: TagScheme): Span[] {
  const hasEnds = scheme === 'iobes' || scheme === 'bilou' || scheme === 'bmes';
  const spans: Span[] = [];
  for (let start = 0; start < tags.length; start++) {
    const { role, label } = tags[start];
    if (!beginsStrictly(tags[start - 1], tags[start], scheme)) continue;
    let end = start + 1;
    if (role !== 'S')
      while (
        end < tags.length &&
        (tags[end].role === 'I' || (hasEnds && tags[end].role === 'E')) &&
        tags[end].label === label &&
        tags[end - 1].role !== 'E'
      )
        end++;
    if (
      hasEnds
        ? role === 'S' || (end > start + 1 && tags[end - 1].role === 'E')
        : !endsWrongly(tags[end - 1], tags[end], scheme)
    )
      spans.push({ label, start, end });
    start = end - 1;
  }
  return spans;
}

/** In `iob1` a B stands only behind its own label, so that seqeval takes no B for the end of what another B began. */
const endsWrongly = (last: Tag, next: Tag | undefined, scheme: TagScheme): boolean =>
  scheme === 'iob1' && last.role === 'B' && next?.role === 'B' && next.label !== last.label;

function beginsStrictly(before: Tag | undefined, { role, label }: Tag, scheme: TagScheme): boolean {
  if (scheme !== 'iob1') return role === 'B' || role === 'S';
  // An I that continues an entity is never asked about: the entity has taken it. A B is needed, and allowed, only right
  // behind one of its label.
  return role === 'I' || (role === 'B' && before !== undefined && before.role !== 'O' && before.label === label);
}

/** Tags of entities in the scheme `iob2`. Throws `invalid_data` for spans that overlap. */
export function tagsOfEntities(spans: readonly Span[], length: number): string[] {
  const tags = new Array<string>(length).fill('O');
  for (const { label, start, end } of spans) {
    for (let at = start; at < end; at++) {
      if (tags[at] !== 'O')
        throw new AlbertineError(
          'invalid_data',
          `two entities overlap at word ${at}: a tagger gives every word one label`,
          { value: at },
        );
      tags[at] = `${at === start ? 'B' : 'I'}-${label}`;
    }
  }
  return tags;
}

/** Figures of one label. */
export interface EntityScores {
  /** The label. */
  label: string;
  /** Of the entities found, the share that is right. */
  precision: number;
  /** Of the entities there are, the share that was found. */
  recall: number;
  /** Harmonic mean of both. */
  f1: number;
  /** Entities of the label that there are. */
  support: number;
}

/**
 * Figures of found entities; an entity is right where its label and both ends are. Those that would divide by 0 are 0,
 * as in `conlleval` and `seqeval`.
 */
export interface EntityReport {
  /** Over all entities (micro average): what results are reported as. */
  precision: number;
  /** Of all entities there are, the share that was found. */
  recall: number;
  /** Harmonic mean of both: the usual figure. */
  f1: number;
  /** Averages over the labels that occur or were found. */
  macroPrecision: number;
  /** See `macroPrecision`. */
  macroRecall: number;
  /** See `macroPrecision`. */
  macroF1: number;
  /** Mean of F1 over labels weighted by support. */
  weightedF1: number;
  /** Entities that there are. */
  support: number;
  /** By label, sorted. */
  perLabel: EntityScores[];
}

interface Counts {
  right: number;
  found: number;
  support: number;
}

/** Compares entities text by text. Throws `shape_mismatch` for unequal numbers of texts. */
export function entityReport(gold: readonly (readonly Span[])[], found: readonly (readonly Span[])[]): EntityReport {
  if (gold.length !== found.length)
    throw new AlbertineError('shape_mismatch', `${gold.length} texts have entities, ${found.length} have answers`, {
      value: found.length,
    });
  const counts = new Map<string, Counts>();
  const of = (label: string): Counts => {
    const entry = counts.get(label) ?? { right: 0, found: 0, support: 0 };
    counts.set(label, entry);
    return entry;
  };
  gold.forEach((spans, text) => {
    const keys = new Set(spans.map(keyOf));
    for (const { label } of spans) of(label).support++;
    for (const span of found[text]) {
      of(span.label).found++;
      if (keys.has(keyOf(span))) of(span.label).right++;
    }
  });
  const perLabel = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, own]): EntityScores => ({ label, ...ratios(own), support: own.support }));
  const total = [...counts.values()].reduce(
    (sum, own) => ({ right: sum.right + own.right, found: sum.found + own.found, support: sum.support + own.support }),
    { right: 0, found: 0, support: 0 },
  );
  const mean = (of: (scores: EntityScores) => number): number =>
    perLabel.length === 0 ? 0 : perLabel.reduce((sum, scores) => sum + of(scores), 0) / perLabel.length;
  return {
    ...ratios(total),
    macroPrecision: mean(({ precision }) => precision),
    macroRecall: mean(({ recall }) => recall),
    macroF1: mean(({ f1 }) => f1),
    weightedF1:
      total.support === 0 ? 0 : perLabel.reduce((sum, { f1, support }) => sum + (f1 * support) / total.support, 0),
    support: total.support,
    perLabel,
  };
}

const keyOf = ({ label, start, end }: Span): string => `${start} ${end} ${label}`;

function ratios({ right, found, support }: Counts): { precision: number; recall: number; f1: number } {
  const precision = found === 0 ? 0 : right / found;
  const recall = support === 0 ? 0 : right / support;
  return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}
