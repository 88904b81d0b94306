/**
 * Which document answers a question? Run with `npx tsx examples/search.ts [model]`.
 * In your own project the import is `from 'albertine'`.
 */
import { Albert, cosine } from '../src/index.ts';

using model = await Albert.load(process.argv[2]);

const documents = ['The last train leaves at midnight.', 'Water the roses in the morning.', '今天的菜汤里放了番茄。'];
const matrix = await model.embed(documents);
const query = (await model.embed(['When does the train go?'])).row(0);

const ranking = documents
  .map((text, row) => ({ text, score: cosine(matrix.row(row), query) }))
  .sort((a, b) => b.score - a.score);
for (const { text, score } of ranking) console.log(`${score.toFixed(3)}  ${text}`);

/*
Output (of the built-in model)
0.514  The last train leaves at midnight.
0.139  Water the roses in the morning.
0.102  今天的菜汤里放了番茄。
*/
