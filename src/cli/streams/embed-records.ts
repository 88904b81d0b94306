import type { EmbeddingRecord } from '../../data/embeddings-node.ts';
import type { EmbeddingRow } from '../../loaded/embed-stream.ts';
import type { TokenEmbedding } from '../../loaded/embed-tokens.ts';
import { countedFrom } from '../../loaded/finite-results.ts';
import type { EmbedOutput } from './embed-output.ts';
import type { EmbedRun } from '../verbs/embed-run.ts';
import { calibrate, createVectorEncoder, storedRanges, type VectorEncoder } from '../flags/vector-types.ts';

const DEFAULT_LOOK_AHEAD = 1024;

/** Texts, and characters, whose token vectors are held in memory at once. */
const TOKEN_CHUNK = { texts: 64, characters: 50_000 };

/** The records of a run in input order. Opens `output` before the first. */
export function embedRecords(run: EmbedRun, output: EmbedOutput): AsyncGenerator<EmbeddingRecord> {
  const { pooling } = run.flags;
  return pooling === 'tokens' || pooling === 'words' ? tokenRecords(run, output, pooling) : vectorRecords(run, output);
}

async function* vectorRecords(run: EmbedRun, output: EmbedOutput): AsyncGenerator<EmbeddingRecord> {
  const { model, feed, flags, options, plan, onProgress } = run;
  const lookAhead = flags.lookAhead ?? DEFAULT_LOOK_AHEAD;
  const rows = model.embedStream(feed, { ...options, lookAhead, ...(onProgress && { onProgress }) });
  try {
    const ranges = storedRanges(run.previous);
    const calibrates = flags.quantize === 'int8' && ranges === undefined;
    const first: EmbeddingRow[] = calibrates ? await take(rows, lookAhead) : [];
    const encoder = createVectorEncoder(
      flags.quantize ?? 'none',
      plan.dimensions,
      calibrates
        ? calibrate(
            first.map(({ embedding }) => embedding),
            plan.dimensions,
          )
        : ranges,
    );
    await output.open(encoder);
    for (const row of first) yield toRecord(run, encoder, { ...row, index: output.existing + row.index });
    for (let next = await rows.next(); !next.done; next = await rows.next())
      yield toRecord(run, encoder, { ...next.value, index: output.existing + next.value.index });
  } finally {
    await rows.return(undefined);
  }
}

async function take(rows: AsyncIterator<EmbeddingRow>, count: number): Promise<EmbeddingRow[]> {
  const taken: EmbeddingRow[] = [];
  while (taken.length < count) {
    const next = await rows.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

function toRecord({ counts, flags, feed }: EmbedRun, encoder: VectorEncoder, row: EmbeddingRow): EmbeddingRecord {
  const { index, embedding, tokenCount, windows, truncatedTokens, unknownTokens } = row;
  const { stored, clipped } = encoder.encode(embedding);
  counts.add(row);
  counts.clippedValues += clipped;
  const number = feed.takeRow();
  return {
    index,
    embedding: stored,
    tokenCount,
    windows,
    truncatedTokens,
    ...(isLines(flags.output) && unknownTokens !== undefined && { unknownTokens }),
    ...(flags.rowNumbers && { row: number }),
  };
}

/** Records of lines may differ in their fields; tables have the same columns for all. */
function isLines(output: string | undefined): boolean {
  return output === undefined || output.toLowerCase().endsWith('.jsonl');
}

async function* tokenRecords(
  run: EmbedRun,
  output: EmbedOutput,
  unit: 'tokens' | 'words',
): AsyncGenerator<EmbeddingRecord> {
  const { model, feed, flags, options, counts, io, plan } = run;
  const { layers, layerCombination, normalize, longText, maxLength, stride, batchTokens } = options;
  const tokenOptions = Object.fromEntries(
    Object.entries({ layers, layerCombination, normalize, longText, maxLength, stride, batchTokens }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  await output.open(createVectorEncoder('none', plan.pooledWidth));
  let index = output.existing;
  for await (const texts of chunksOf(feed, flags.lookAhead ?? TOKEN_CHUNK.texts)) {
    io.signal.throwIfAborted();
    const first = index - output.existing;
    const embedded = await model
      .embedTokens(texts, {
        ...tokenOptions,
        unit: unit === 'tokens' ? 'token' : 'word',
        includeSpecialTokens: flags.special,
      })
      .catch((error: unknown) => {
        throw countedFrom(first, error);
      });
    for (const text of embedded) {
      counts.add(text);
      const number = feed.takeRow();
      yield { index: index++, tokens: text.tokens.map(orderedToken), ...(flags.rowNumbers && { row: number }) };
    }
  }
}

function orderedToken({ token, id, start, end, embedding }: TokenEmbedding): Record<string, unknown> {
  return { token, ...(id !== undefined && { id }), start, end, embedding };
}

async function* chunksOf(texts: AsyncIterable<string>, count: number): AsyncGenerator<string[]> {
  let chunk: string[] = [];
  let characters = 0;
  for await (const text of texts) {
    chunk.push(text);
    characters += text.length;
    if (chunk.length < count && characters < TOKEN_CHUNK.characters) continue;
    yield chunk;
    chunk = [];
    characters = 0;
  }
  if (chunk.length > 0) yield chunk;
}
