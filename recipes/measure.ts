import { AlbertineError, cosine, openRows, spearman, type Albert } from '../src/index.ts';
import type { SimilarityTest } from './recipe.ts';

type Model = Pick<Albert, 'embed'>;

/** Spearman's correlation of the cosines of a model's embeddings, as `embed` makes them with no option, with the scores of a file. */
export async function similarityOf(model: Model, path: string, { fields: [text, pair, score], header = true }: Pick<SimilarityTest, 'fields' | 'header'>): Promise<{ pairs: number; spearman: number }> {
  const [firsts, seconds, scores]: [string[], string[], number[]] = [[], [], []];
  for await (const { number, fields } of openRows(path, { header })) {
    const value = Number(fields[score]);
    if (typeof fields[text] !== 'string' || typeof fields[pair] !== 'string' || fields[score] === '' || !Number.isFinite(value)) {
      throw new AlbertineError('invalid_data', `row ${number} of ${path} has no ${text}, ${pair} or ${score}`, { value: fields });
    }
    firsts.push(fields[text]);
    seconds.push(fields[pair]);
    scores.push(value);
  }
  const [a, b] = [await model.embed(firsts), await model.embed(seconds)];
  return { pairs: scores.length, spearman: spearman(scores.map((_, row) => cosine(a.row(row), b.row(row))), scores) };
}

/** Most pairs of a language that are searched: the comparisons grow with their square. */
const MOST_PAIRS = 1000;

/**
 * By language, the share of held-out pairs whose second text is nearest to the first among the second texts of all pairs of the language.
 * Equal cosines count against the model.
 */
export async function retrievalOf(model: Model, path: string): Promise<Record<string, { pairs: number; accuracy: number }>> {
  const groups = new Map<string, { texts: string[]; pairs: string[] }>();
  for await (const { fields: { text, pair, language } } of openRows(path)) {
    const group = groups.get(String(language)) ?? { texts: [], pairs: [] };
    groups.set(String(language), group);
    if (group.texts.length < MOST_PAIRS) {
      group.texts.push(String(text));
      group.pairs.push(String(pair));
    }
  }
  const found: Record<string, { pairs: number; accuracy: number }> = {};
  for (const [language, { texts, pairs }] of groups) {
    const [queries, answers] = [await model.embed(texts, { normalize: true }), await model.embed(pairs, { normalize: true })];
    const right = texts.filter((_, row) => {
      const scores = pairs.map((_pair, other) => cosine(queries.row(row), answers.row(other)));
      return scores.every((score, other) => other === row || score < scores[row]);
    });
    found[language] = { pairs: texts.length, accuracy: right.length / texts.length };
  }
  return found;
}
