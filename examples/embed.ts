/**
 * Texts to vectors. Run with `npx tsx examples/embed.ts [model]`; the model is a folder or a hub id, by default the
 * built-in one. In your own project the import is `from 'albertine'`.
 */
import { Albert } from '../src/index.ts';

using model = await Albert.load(process.argv[2]);

const vectors = await model.embed(['the cat sat on the mat', '猫坐在垫子上'], { normalize: true });
console.log(`${vectors.rows} vectors of ${vectors.dimensions} numbers`);
for (const [row, { tokenCount }] of vectors.texts.entries())
  console.log(`text ${row}: ${tokenCount} tokens, first number ${vectors.row(row)[0].toFixed(3)}`);
console.log(vectors.fingerprint);

/*
Output (of the built-in model; numbers and fingerprint depend on it)
2 vectors of 384 numbers
text 0: 6 tokens, first number -0.114
text 1: 6 tokens, first number -0.038
model=edae713783307a08;tokenizer=7f3b5a54bc28ac8c;dtype=f32;layers=6;pooling=mean;long=window:256:0;norm=1;dim=384
*/
