/**
 * Texts longer than the model takes, and inputs larger than memory. Run with `npx tsx examples/long-text.ts [model]`.
 * In your own project the import is `from 'albertine'`.
 */
import { Albert, AlbertineError } from '../src/index.ts';

using model = await Albert.load(process.argv[2]);
const long = 'the cat sat on the mat and the dog ran '.repeat(100);

// By default a long text is read in several windows, and nothing is lost.
const maxLength = 128;
for (const longText of ['window', 'truncate', 'error'] as const) {
  try {
    const { windows, truncatedTokens } = (await model.embed([long], { longText, maxLength, stride: 16 })).texts[0];
    console.log(
      `${longText}: ${windows > 1 ? 'several windows' : 'one window'}, ${truncatedTokens > 0 ? 'tokens were cut' : 'nothing was cut'}`,
    );
  } catch (error) {
    if (!(error instanceof AlbertineError)) throw error;
    console.log(`${longText}: ${error.code}`);
  }
}

// A stream is read only as fast as its vectors are taken.
function* chapters(): Generator<string> {
  for (let chapter = 1; chapter <= 3; chapter++) yield `chapter ${chapter} ${long}`;
}
for await (const { index, embedding } of model.embedStream(chapters(), { lookAhead: 2, normalize: true })) {
  console.log(`chapter ${index + 1}: ${embedding.length} numbers`);
}

/*
Output (the number of numbers depends on the model)
window: several windows, nothing was cut
truncate: one window, tokens were cut
error: text_too_long
chapter 1: 384 numbers
chapter 2: 384 numbers
chapter 3: 384 numbers
*/
