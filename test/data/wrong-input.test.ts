import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDecimal } from '../../src/core/decimal.ts';
import { withLineFeeds } from '../../src/core/line-ends.ts';
import { openRows, readExamples, readTexts, type ReadTextOptions } from '../../src/data/index.ts';
import { openSentences } from '../../src/tasks/embedding/sentences-node.ts';
import { readLines } from '../../src/tokenizer/training/text-lines-node.ts';
import { readDocuments } from '../../src/training/pretraining/documents-node.ts';
import { collect } from './collect.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-wrong-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const texts = async (path: string, options: ReadTextOptions = {}): Promise<string[]> =>
  (await collect(readTexts(path, options))).map(({ text }) => text);

describe('lines that end with a carriage return alone', () => {
  const csv = 'text,label\ra film,1\r"two\rlines",0\r';

  it('are read by every reader', async () => {
    expect(await texts(file('cr.csv', csv))).toEqual(['a film', 'two\nlines']);
    expect(await texts(file('cr.csv.gz', gzipSync(csv)), { format: 'csv' })).toEqual(['a film', 'two\nlines']);
    expect(await texts(file('cr.txt', 'one\rtwo'))).toEqual(['one', 'two']);
    expect(await texts(file('cr.jsonl', '{"text":"a"}\r{"text":"b"}\r'))).toEqual(['a', 'b']);
    expect((await readExamples(file('cr2.csv', csv))).examples.map(({ text, row }) => [text, row])).toEqual([
      ['a film', 2],
      ['two\nlines', 3],
    ]);
    expect(
      await collect(readDocuments({ name: 'cr', paths: [file('cr-documents.txt', 'one\rtwo\r\rthree\r')] })),
    ).toEqual([['one', 'two'], ['three']]);
    expect((await collect(readLines(file('cr-words.txt', 'one\rtwo\r')))).flat()).toEqual(['one', 'two']);
  });

  it('are not seen where there are line feeds', async () => {
    expect(await texts(file('progress.txt', '10 %\r20 %\nnext\r\n'))).toEqual(['10 %\r20 %', 'next']);
    expect(await texts(file('late.txt', `${'x\r'.repeat(300_000)}\nnext\n`))).toHaveLength(2);
  });

  it('are refused when line feeds follow, with the name of the file', async () => {
    await expect(texts(file('mixed.txt', `${'x\r'.repeat(900_000)}\nnext\n`))).rejects.toThrow(
      /mixed\.txt: the input has mixed line ends/,
    );
    await expect(collect(readLines(file('mixed-words.txt', `${'x\r'.repeat(900_000)}\nnext\n`)))).rejects.toThrow(
      /mixed-words\.txt has mixed line ends/,
    );
    await expect(texts(file('utf16.txt', Uint8Array.of(0xff, 0xfe, 0x41, 0)))).rejects.toThrow(
      /utf16\.txt: the input is UTF-16/,
    );
  });

  it('are found in pieces of any size', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (const byte of new TextEncoder().encode('a\rb')) yield Uint8Array.of(byte);
    }
    expect(Buffer.concat(await collect(withLineFeeds(bytes()))).toString()).toBe('a\nb');
  });
});

describe('the field of the texts', () => {
  it('is chosen once for a file', async () => {
    const rows = '{"text":"a film","id":"1"}\n{"id":"2"}\n';
    await expect(texts(file('row.jsonl', rows))).rejects.toThrow(
      /row\.jsonl, row 2: no field "text"; the fields present are "id"/,
    );
    const source = readTexts(file('row2.jsonl', rows), { onError: 'skip' });
    expect((await collect(source)).map(({ text }) => text)).toEqual(['a film']);
    expect(source.report).toMatchObject({ rows: 1, skipped: 1 });
    expect(await texts(file('only.jsonl', '{"body":"a"}\n{"body":"b"}\n'))).toEqual(['a', 'b']);
  });

  it('is not guessed where later rows have others', async () => {
    for (const onError of ['stop', 'skip'] as const) {
      await expect(texts(file('later.jsonl', '{"id":"1"}\n{"id":"2","text":"a film"}\n'), { onError })).rejects.toThrow(
        /later\.jsonl, row 2: "id" was taken for the text, as the only field of the first row, and here is a field "text"\. Name .* textField/,
      );
    }
  });
});

describe('an input of which nothing can be used', () => {
  const misspelt =
    /none of 2 rows could be used\. The first bad row is 1: no field "txet"; the fields present are "text"/;
  const path = (): string => file('two.jsonl', '{"text":"a"}\n{"text":"b"}\n');

  it('is an error whoever reads it, also when bad rows are left out', async () => {
    await expect(texts(path(), { textField: 'txet', onError: 'skip' })).rejects.toThrow(misspelt);
    await expect(readExamples(path(), { textField: 'txet', onError: 'skip' })).rejects.toThrow(misspelt);
    await expect(collect(openSentences(path(), { textField: 'txet', onError: 'skip' }, 'simcse'))).rejects.toThrow(
      misspelt,
    );
    await expect(
      collect(readDocuments({ name: 's', paths: [path()], textField: 'txet', onError: 'skip' })),
    ).rejects.toThrow(misspelt);
    await expect(collect(readLines(path(), { textField: 'txet' }))).rejects.toThrow(
      /row 1 has no string in field txet/,
    );
  });

  it('counts rows that were refused after they were read', async () => {
    const rows = openRows(path(), { onError: 'skip' });
    await expect(
      (async () => {
        for await (const row of rows) rows.reject(row, 'too long');
      })(),
    ).rejects.toThrow(/none of 2 rows could be used\. The first bad row is 1: too long/);
    await expect(
      (async () => {
        for await (const row of rows) if (row.number === 1) rows.reject(row, 'too long');
      })(),
    ).resolves.toBeUndefined();
  });
});

describe('a file with another delimiter', () => {
  it('is recognised by its header', async () => {
    const semicolons = file('semicolon.csv', 'id;text\n1;a film\n');
    for (const options of [{}, { textField: 'text' }, { onError: 'skip' as const }]) {
      await expect(texts(semicolons, options)).rejects.toThrow(
        /semicolon\.csv, line 1: the header cannot be used: it is the one field "id;text"\. .*use delimiter ";"/,
      );
    }
    await expect(readExamples(file('comma.tsv', 'text,label\na,1\n'))).rejects.toThrow(/use delimiter ","/);
    await expect(texts(file('tabs.csv', 'id\ttext\n1\ta\n'))).rejects.toThrow(
      /separated by tabs: use format 'tsv'\. If it is one field, use delimiter ","/,
    );
    expect(await texts(semicolons, { delimiter: ';' })).toEqual(['a film']);
    expect(await texts(semicolons, { delimiter: ',' })).toEqual(['1;a film']);
    expect(await texts(file('one.csv', 'text\na; b\n'))).toEqual(['a; b']);
  });
});

describe('numbers', () => {
  it('are decimal', () => {
    expect(['1', ' -2.50 ', '+.5', '3.', '1e-3', '１'].map(parseDecimal)).toEqual([1, -2.5, 0.5, 3, 0.001, NaN]);
    for (const text of ['0x10', '0b11', '0o7', 'Infinity', 'NaN', '', ' ', '1,5', '1_000', '1e999', '12px'])
      expect(parseDecimal(text)).toBeNaN();
  });

  it('are nothing else where scores and targets are read', async () => {
    await expect(readExamples(file('hex.csv', 'text,label\na,0x10\nb,1\n'), { problem: 'regression' })).rejects.toThrow(
      /hex\.csv, row 2: field "label" must be a number, got "0x10"/,
    );
    await expect(
      collect(openSentences(file('hex-scores.csv', 'text,pair,score\na,b,0b11\n'), {}, 'scored')),
    ).rejects.toThrow(/row 2: field "score" must be a number, got "0b11"/);
  });
});
