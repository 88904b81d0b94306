import { buildCard, type CardDetails } from '../src/checkpoint/index.ts';
import type { CardData, Recipe } from './recipe.ts';

/** What the build knows about a model that it made. */
export interface CardFacts {
  kind: 'pretrained' | 'embedding';
  /** As saved: config, heads, storage, fingerprint. */
  saved: Pick<CardDetails, 'config' | 'heads' | 'dtype' | 'fingerprint'>;
  /** Settings and extent of the training, in the order to be shown. */
  training: Record<string, string | number>;
  results: Record<string, string | number>;
  /** Tokens of a source in the shards, by name. */
  tokens: Readonly<Record<string, number>>;
}

/** The model card: what `buildCard` says of any model, with the recipe's text and the data with their licences. */
export function recipeCard(recipe: Recipe, { kind, saved, training, results, tokens }: CardFacts): string {
  const { card, sources } = recipe;
  const description = (kind === 'embedding' ? card.embedding : undefined) ?? card.pretrained;
  // The supervised data is in the embedding model alone.
  const further = kind === 'embedding' ? (card.data ?? []) : [];
  const common = buildCard({
    ...saved,
    name: kind === 'embedding' ? card.title : `${card.title}, pretrained`,
    description,
    training,
    results,
    ...(card.languages && { languages: card.languages }),
    ...(card.licence !== undefined && { license: card.licence }),
    ...(kind === 'embedding' && { heads: [] }),
  });
  const sections = [
    list('What it is for', card.use),
    list('What it is not for', card.notFor),
    list('Known weaknesses', card.weaknesses),
    dataSection([...sources, ...further], tokens),
    licenceSection(card.licences, [...sources, ...further]),
  ];
  return `${[common.trimEnd(), ...sections.filter((section) => section !== '')].join('\n\n')}\n`;
}

function list(title: string, items: readonly string[] | undefined): string {
  return items?.length ? [`## ${title}`, '', ...items.map((item) => `- ${item}`)].join('\n') : '';
}

function dataSection(data: readonly CardData[], tokens: Readonly<Record<string, number>>): string {
  const cell = (value: string | undefined): string => (value ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ');
  const rows = data.map(
    ({ name, language, origin, licence, attribution }) =>
      `| ${[name, language, tokens[name]?.toLocaleString('en-US'), origin, licence, attribution].map(cell).join(' | ')} |`,
  );
  return [
    '## Data',
    '',
    '| source | language | tokens | origin | licence | attribution |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function licenceSection(text: string | undefined, data: readonly CardData[]): string {
  const shared = data.filter(({ shareAlike }) => shareAlike).map(({ name }) => name);
  const paragraphs = [
    ...(text === undefined ? [] : [text]),
    ...(shared.length > 0 ? [`Share-alike sources: ${shared.join(', ')}.`] : []),
  ];
  return paragraphs.length > 0 ? `## Licences\n\n${paragraphs.join('\n\n')}` : '';
}
