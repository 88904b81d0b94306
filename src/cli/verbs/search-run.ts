import { pick } from '../../core/pick.ts';
import { toJson } from '../../data/json.ts';
import { readTexts } from '../../data/read-node.ts';
import { parseFilter } from '../../core/filter.ts';
import { openIndex } from '../../retrieval/open-node.ts';
import { hitRecord, type SearchHit, type SearchMode, type SearchOptions } from '../../retrieval/document-index.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { displayWidth, fitWidth } from '../terminal/text-width.ts';

/** The flags of `albertine search`, as commander gives them. */
export interface SearchFlags extends Pick<SearchOptions, 'limit' | 'mmr' | 'rerank' | 'pool' | 'oversample'> {
  mode?: SearchMode;
  filter?: string[];
  json?: boolean;
  model?: string;
  database?: string;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine search`. */
export async function runSearch(
  io: CliIo,
  { index: folder, queries, flags }: { index: string; queries: string[]; flags: SearchFlags },
): Promise<void> {
  if (queries.length === 0) throw new UsageError('give a query, or - to read queries from standard input');
  const { filter, json = false } = flags;
  const options: SearchOptions = {
    ...pick(flags, ['limit', 'mode', 'mmr', 'rerank', 'pool', 'oversample']),
    ...(filter && { filter: parseFilter(filter) }),
    signal: io.signal,
  };
  const bar = createProgressBar(io, flags);
  await using index = await openIndex(folder, {
    ...pick(flags, ['model', 'database', 'threads']),
    onProgress: bar.update,
  });
  let query = 0;
  const isBatch = queries[0] === '-';
  for await (const text of textsOf(queries)) {
    if (isBatch && text.trim() === '') {
      io.stderr.write(`note: line ${query + 1} is empty: nothing is searched\n`);
      query++;
      continue;
    }
    const hits = await index.search(text, options).finally(() => bar.finish());
    const lines = json
      ? hits.map((hit, i) => toJson({ query, rank: i + 1, ...hitRecord(hit) }))
      : shown(hits, { query: queries.length > 1 || isBatch ? text : undefined, width: io.stdout.columns });
    if (lines.length > 0) await io.stdout.write(`${lines.join('\n')}\n`);
    query++;
  }
}

async function* textsOf(queries: readonly string[]): AsyncGenerator<string> {
  if (queries.length === 1 && queries[0] === '-') for await (const { text } of readTexts('-')) yield text;
  else yield* queries;
}

/** Lines of text that are shown of a passage. */
const SHOWN_LINES = 3;

function shown(hits: readonly SearchHit[], { query, width }: { query: string | undefined; width: number }): string[] {
  const head = query === undefined ? [] : [`# ${query}`];
  if (hits.length === 0) return [...head, 'nothing found', ''];
  return [
    ...head,
    ...hits.flatMap((hit, i) => [
      `${i + 1}. ${placeOf(hit)}  ${hit.score.toFixed(3)} (${partsOf(hit)})`,
      ...[[...new Set([hit.title ?? [], hit.headings ?? []].flat())].join(' > ')]
        .filter(Boolean)
        .map((line) => `   ${line}`),
      ...wrapped(hit.text, width - 4).map((line) => `   ${line}`),
      '',
    ]),
  ];
}

const placeOf = ({ file, start, end, row, page }: SearchHit): string =>
  `${file}${row === undefined ? '' : `, row ${row}`}${page === undefined ? '' : `, page ${page}`}:${start}-${end}`;

const partsOf = ({ scores }: SearchHit): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${(value as number).toFixed(3)}`)
    .join(', ');

/** The beginning of a text, in lines that fit. */
function wrapped(text: string, width: number): string[] {
  let rest = text.replace(/\s+/g, ' ').trim();
  const lines: string[] = [];
  while (rest !== '' && lines.length < SHOWN_LINES) {
    if (displayWidth(rest) <= width) return [...lines, rest];
    if (lines.length === SHOWN_LINES - 1) return [...lines, fitWidth(rest, width).trimEnd()];
    let [end, used] = [0, 0];
    for (const character of rest) {
      used += displayWidth(character);
      if (used > width) break;
      end += character.length;
    }
    const space = rest.lastIndexOf(' ', end);
    const cut = space > end / 2 ? space : end;
    lines.push(rest.slice(0, cut));
    rest = rest.slice(cut).trimStart();
  }
  return lines;
}
