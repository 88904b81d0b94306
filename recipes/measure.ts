import { cosine, type Albert } from '../src/index.ts';
import { openRows } from '../src/data/index.ts';
import { rankAnswer, rankingScores } from '../src/metrics/index.ts';

/** Most pairs of a language that are searched: the comparisons grow with their square. */
const MOST_PAIRS = 1000;

/**
 * By language, the share of held-out pairs whose second text is nearest to the first among the second texts of all
 * pairs of the language. Equal cosines count against the model.
 */
export async function retrievalOf(
  model: Pick<Albert, 'embed'>,
  path: string,
): Promise<Record<string, { pairs: number; accuracy: number }>> {
  const groups = new Map<string, { texts: string[]; pairs: string[] }>();
  for await (const {
    fields: { text, pair, language },
  } of openRows(path)) {
    const group = groups.get(String(language)) ?? { texts: [], pairs: [] };
    groups.set(String(language), group);
    if (group.texts.length < MOST_PAIRS) {
      group.texts.push(String(text));
      group.pairs.push(String(pair));
    }
  }
  const found: Record<string, { pairs: number; accuracy: number }> = {};
  for (const [language, { texts, pairs }] of groups) {
    const [queries, answers] = [
      await model.embed(texts, { normalize: true }),
      await model.embed(pairs, { normalize: true }),
    ];
    const ranked = texts.map((_, row) =>
      rankAnswer(
        row,
        pairs.map((_pair, other) => cosine(queries.row(row), answers.row(other))),
      ),
    );
    found[language] = { pairs: texts.length, accuracy: rankingScores(ranked).accuracyAt1 };
  }
  return found;
}
