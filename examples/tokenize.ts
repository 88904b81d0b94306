/**
 * Tokens and where they stand in the text, whatever normalisation did to it. Run with `npx tsx examples/tokenize.ts`.
 * In your own project the import is `from 'albertine'`.
 */
import { loadTokenizer } from '../src/tokenizer/index.ts';
import { memoryFiles } from '../src/index.ts';

// A vocabulary of one's own, in memory; `loadTokenizer(await openFolder('path'))` reads a checkpoint's.
const vocabulary = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncaf\n##es\n##e\nin\nparis\n,\n巴\n黎\n';
const tokenizer = await loadTokenizer(memoryFiles({ 'vocab.txt': vocabulary }));

const text = 'Cafés in Paris, 巴黎';
const { tokens, ids, offsets } = tokenizer.encode(text);
tokens.forEach((token, i) => {
  const [start, end] = offsets[i];
  console.log(
    `${token.padEnd(6)} id ${ids[i]}  ${start < 0 ? '' : `${start}-${end} ${JSON.stringify(text.slice(start, end))}`}`.trimEnd(),
  );
});
console.log(tokenizer.decode(ids));

/*
Output
[CLS]  id 2
caf    id 5  0-3 "Caf"
##es   id 6  3-5 "és"
in     id 8  6-8 "in"
paris  id 9  9-14 "Paris"
,      id 10  14-15 ","
巴      id 11  16-17 "巴"
黎      id 12  17-18 "黎"
[SEP]  id 3
cafes in paris,巴黎
*/
