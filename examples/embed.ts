/**
 * Texts to vectors. Run with `npx tsx examples/embed.ts [model]`; the model is a folder or a hub id, by default the built-in one.
 * In your own project the import is `from 'albertine'`.
 */
import { Albert } from '../src/index.ts';

using model = await Albert.load(process.argv[2]);

const vectors = await model.embed(['the cat sat on the mat', '猫坐在垫子上'], { normalize: true });
console.log(`${vectors.rows} vectors of ${vectors.dimensions} numbers`);
for (const [row, { tokenCount }] of vectors.texts.entries()) console.log(`text ${row}: ${tokenCount} tokens, first number ${vectors.row(row)[0].toFixed(3)}`);
console.log(vectors.fingerprint);

/*
Output (of the built-in model; numbers and fingerprint depend on it)
2 vectors of 256 numbers
text 0: 6 tokens, first number -0.068
text 1: 7 tokens, first number -0.062
model=c94677d6614a4f93;tokenizer=799d7da2dde269e2;dtype=f32;layers=4;pooling=mean;long=window:64:0;norm=1;dim=256
*/
