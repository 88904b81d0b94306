import { countOf } from '../../core/count.ts';
import type { StoredFit } from './store.ts';

const NAMES = {
  logistic: 'logistic regression',
  svm: 'a linear support vector machine',
  ridge: 'ridge regression',
  knn: 'nearest neighbours',
  centroid: 'nearest centroid',
} as const;

/** `README.md` of a fitted classifier. */
export function cardOf({
  problem,
  labels,
  classifier,
  strength,
  encoder,
  words,
  pairs = false,
  crossValidation,
  rows,
}: StoredFit): string {
  const features = [
    ...(encoder === null ? [] : ['vectors of the model in `encoder/`']),
    ...(words ? [`tf-idf of ${countOf(words.terms.length, 'term')}`] : []),
  ].join(' and ');
  return `# ${pairs ? 'Classifier of pairs of texts' : 'Text classifier'}

Learned with \`albertine fit\` from ${countOf(rows, 'row')}: ${NAMES[classifier]} (${classifier === 'knn' ? 'k' : 'C'} ${strength}) on ${features}${pairs ? '; of a pair what the two share and where they differ' : ''}.

| | |
|---|---|
| Problem | ${problem} |
${problem === 'regression' ? '' : `| Labels | ${labels.map((label) => `\`${label}\``).join(', ')} |\n`}${
    crossValidation
      ? `| Cross-validation | ${crossValidation.metric} ${crossValidation.score.toFixed(4)} on held-out rows (${crossValidation.folds} parts; the strength was chosen by it, so it is a little too good) |\n`
      : ''
  }${encoder === null ? '' : `| Encoder | ${encoder} |\n`}
\`\`\`sh
albertine predict path/to/this/folder "a text"${pairs ? ' --pair "another"' : ''}
albertine evaluate path/to/this/folder --data test.csv${pairs ? ' --pair-field NAME' : ''}
\`\`\`

\`\`\`js
import { loadFittedClassifier } from 'albertine';
using classifier = await loadFittedClassifier('path/to/this/folder');
const [{ label, score }] = await classifier.predict([${pairs ? "{ text: 'a text', pair: 'another' }" : "'a text'"}]);
\`\`\`
`;
}
