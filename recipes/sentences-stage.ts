import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { corpusPaths, fileHash, type BuildContext } from './context.ts';
import { settingsOf } from './corpus-stages.ts';
import type { SentencesSection } from './recipe.ts';
import { drawTexts, writeTexts, type DrawnTexts, type TextPart } from './sentences.ts';
import { hashOf, writeFileAtOnce, type Stage } from './stages.ts';

/** Files of the stage, without their extension. */
export const TEXT_FILES = ['sentences', 'pairs', 'held-out-pairs'] as const;
const COUNTS = 'counts.json';

/** Draws the texts of the contrastive steps from the corpus. An interrupted drawing begins again; it takes minutes. */
export function sentencesStage(context: BuildContext, section: SentencesSection): Stage {
  const { recipe, signal, onProgress } = context;
  const { seed = 1, languages, heldOutPairs = 0 } = section;
  const used = ({ language }: { language: string }): boolean => Object.hasOwn(languages, language);
  const partsOf = (
    sources: readonly { name: string; language: string; files: string[]; weight?: number }[],
  ): TextPart[] =>
    sources.flatMap((source) =>
      corpusPaths(context, source).map((path) => ({ path, language: source.language, weight: source.weight ?? 1 })),
    );
  return {
    name: 'sentences',
    needs: [],
    settings: async () => ({
      sentences: section,
      sources: await settingsOf(context, recipe.sources.filter(used)),
      heldOut: await settingsOf(context, recipe.heldOut.filter(used)),
    }),
    run: async ({ folder }) => {
      const options = { seed, ...(onProgress && { onProgress }), ...(signal && { signal }) };
      const train = await drawTexts(partsOf(recipe.sources), { ...options, languages });
      const heldOut = await drawTexts(partsOf(recipe.heldOut), {
        ...options,
        languages: Object.fromEntries(
          Object.entries(languages).map(([language, sample]) => [
            language,
            { ...sample, sentences: 0, pairs: heldOutPairs },
          ]),
        ),
      });
      const list = (drawn: Map<string, DrawnTexts>, kind: 'sentences' | 'pairs') =>
        new Map([...drawn].map(([language, texts]) => [language, texts[kind]]));
      const [sentences, pairs, held] = [list(train, 'sentences'), list(train, 'pairs'), list(heldOut, 'pairs')];
      const rows = {
        sentences: await writeTexts(folder, TEXT_FILES[0], sentences),
        pairs: await writeTexts(folder, TEXT_FILES[1], pairs),
        'held-out-pairs': await writeTexts(folder, TEXT_FILES[2], held),
      };
      const seen = Object.fromEntries([...train].map(([language, { counts }]) => [language, counts]));
      reportShortfall(context, section, rows);
      await writeFileAtOnce(join(folder, COUNTS), `${JSON.stringify({ rows, seen }, null, 2)}\n`);
    },
    describe: async (folder) => ({
      fingerprint: hashOf(await Promise.all(TEXT_FILES.map((name) => fileHash(join(folder, `${name}.jsonl`))))),
      ...(JSON.parse(await readFile(join(folder, COUNTS), 'utf8')) as object),
    }),
  };
}

function reportShortfall(
  { onNote }: BuildContext,
  { languages, heldOutPairs = 0 }: SentencesSection,
  rows: Record<string, Record<string, number>>,
): void {
  for (const [language, { sentences, pairs }] of Object.entries(languages)) {
    for (const [name, wanted] of [
      ['sentences', sentences],
      ['pairs', pairs],
      ['held-out-pairs', heldOutPairs],
    ] as const) {
      const found = rows[name][language] ?? 0;
      if (found < wanted) onNote(`sentences: ${language} gave ${found} ${name}, ${wanted} were asked for`);
    }
  }
}
