import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { loadTokenizer, parseTokenizerJson } from '../../src/tokenizer/index.ts';
import { smallWordPiece, tinyAlbert, tinyModel, VOCABULARY } from './fixtures.ts';
import { albertTokenizerJson, bertTokenizerJson } from './oracle/hf-json.ts';

const spiece = readFileSync(new URL('golden/tiny-albert.model', import.meta.url));
const vocab = `${VOCABULARY.join('\n')}\n`;
const albertJson = albertTokenizerJson(tinyModel('tiny-albert'));
const text = 'The café opened in 2016, before sunrise.';

describe('loadTokenizer', () => {
  it('chooses by the files present', async () => {
    const bert = JSON.stringify(bertTokenizerJson(VOCABULARY));
    const kind = async (files: Record<string, string | Uint8Array>) => (await loadTokenizer(memoryFiles(files))).kind;
    expect(await kind({ 'config.json': '{"model_type":"bert"}', 'spiece.model': spiece, 'vocab.txt': vocab })).toBe(
      'unigram',
    );
    expect(await kind({ 'my.model': spiece })).toBe('unigram');
    expect(await kind({ 'config.json': '{"model_type":"albert"}', 'vocab.txt': vocab })).toBe('wordpiece');
    expect(await kind({ 'tokenizer.json': bert })).toBe('wordpiece');
    expect(await kind({ 'tokenizer.json': JSON.stringify(albertJson) })).toBe('unigram');
  });

  it('names the files it looked for', async () => {
    const failure = loadTokenizer(memoryFiles({ 'config.json': '{}' }, 'some/folder'));
    await expect(failure).rejects.toMatchObject({ code: 'tokenizer_not_found' });
    await expect(failure).rejects.toThrow(/some\/folder.*spiece\.model.*vocab\.txt.*tokenizer\.json/);
    await expect(loadTokenizer(memoryFiles({ 'a.model': spiece, 'b.model': spiece }))).rejects.toThrow(
      /several models/,
    );
    await expect(loadTokenizer(memoryFiles({ 'vocab.txt': vocab, 'tokenizer_config.json': '{' }))).rejects.toThrow(
      /tokenizer_config.json is not JSON/,
    );
    await expect(loadTokenizer(memoryFiles({ 'vocab.txt': 'a\nb\n' }))).rejects.toMatchObject({ code: 'invalid_file' });
  });

  it('reads the options beside the vocabulary; the caller wins', async () => {
    const files = {
      'spiece.model': spiece,
      'tokenizer_config.json': '{"do_lower_case":false,"keep_accents":true,"mask_token":{"content":"[MASK]"}}',
    };
    const expected = tinyAlbert({ lowerCase: false, keepAccents: true });
    expect([...(await loadTokenizer(memoryFiles(files))).encodeIds(text)]).toEqual([...expected.encodeIds(text)]);
    expect([
      ...(await loadTokenizer(memoryFiles(files), { lowerCase: true, keepAccents: false })).encodeIds(text),
    ]).toEqual([...tinyAlbert().encodeIds(text)]);
    const chinese = await loadTokenizer(
      memoryFiles({
        'vocab.txt': vocab,
        'tokenizer_config.json': '{"tokenize_chinese_chars":false,"do_lower_case":false}',
      }),
    );
    expect(chinese.encode('我爱 The', { addSpecialTokens: false }).tokens).toEqual(['[UNK]', '[UNK]']);
  });

  it('reads added tokens and special names', async () => {
    const tokenizer = await loadTokenizer(
      memoryFiles({
        'vocab.txt': vocab,
        'added_tokens.json': '{"<x>": 200}',
        'special_tokens_map.json': '{"cls_token":"[SEP]"}',
        'tokenizer_config.json': '{"added_tokens_decoder":{"201":{"content":"<y>","special":true}}}',
      }),
    );
    expect(tokenizer.encode('<x> the <y>').tokens).toEqual(['[SEP]', '<x>', 'the', '<y>', '[SEP]']);
    expect(tokenizer.vocabSize).toBe(202);
  });

  it('gives back files that load to an equal tokeniser', async () => {
    for (const tokenizer of [
      tinyAlbert(),
      tinyAlbert({ lowerCase: false, variant: 'hf-fast', preparation: 'none' }),
      smallWordPiece({ lowerCase: false, maxWordLength: 7 }),
      smallWordPiece({ variant: 'hf-fast', keepAccents: true }),
      parseTokenizerJson(albertJson),
      tinyAlbert({ addedTokens: [{ content: '<x>', id: 400 }] }),
    ]) {
      const again = await loadTokenizer(memoryFiles(tokenizer.files()));
      expect(again.fingerprint).toBe(tokenizer.fingerprint);
      const bytes = (content: Uint8Array | string) => Buffer.from(content as string).toString('base64');
      for (const [name, content] of Object.entries(tokenizer.files()))
        expect(bytes(again.files()[name])).toBe(bytes(content));
      expect(again.encode(text)).toEqual(tokenizer.encode(text));
    }
  });
});

describe('tokenizer.json', () => {
  it('agrees with the model it was converted from, in the HF fast variant', () => {
    const ours = parseTokenizerJson(albertJson);
    const model = tinyAlbert({ variant: 'hf-fast' });
    for (const line of [text, '1,000, 2,000, and 35,', "``quoted'' (text)", 'हिन्दी में', '[MASK] the'])
      expect([...ours.encode(line).ids]).toEqual([...model.encode(line).ids]);
    expect(ours.special).toEqual(model.special);
  });

  it('names components it does not know', () => {
    const change = (part: object) => () => parseTokenizerJson({ ...albertJson, ...part });
    expect(change({ model: { type: 'BPE', vocab: {}, merges: [] } })).toThrow(
      /model that this package does not know, "BPE"/,
    );
    expect(change({ normalizer: { type: 'ByteLevel' } })).toThrow(/normalizer.*ByteLevel/);
    expect(change({ pre_tokenizer: { type: 'Digits' } })).toThrow(/pre_tokenizer.*Digits/);
    expect(change({ post_processor: { type: 'RobertaProcessing' } })).toThrow(/post_processor.*RobertaProcessing/);
    expect(change({ model: 3 })).toThrow(/model must be an object/);
  });
});
