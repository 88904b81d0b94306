import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from './collect.ts';
import {
  CsvParser,
  firstInvalidUtf8,
  formatCsvRecord,
  openRows,
  parseRows,
  readTexts,
  RowReporter,
  type ParseOptions,
  type Row,
} from '../../src/data/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-read-'));
afterAll(() => rmSync(folder, { recursive: true }));
const golden = join(import.meta.dirname, 'golden');
const expected = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8')) as {
  header: string[];
  rows: string[][];
};

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function parse(content: string | Uint8Array, options: ParseOptions, size = 7): Promise<Row[]> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return collect(parseRows(inPieces(bytes, size), options, new RowReporter('input', 'stop')));
}

describe('delimited text', () => {
  it.each(['tricky.csv', 'unix.csv'])("reads %s as Python's csv module wrote it", async (name) => {
    for (const size of [1, 5, 1 << 16]) {
      const rows = await parse(readFileSync(join(golden, name)), { format: 'csv' }, size);
      expect(rows.map(({ fields }) => expected.header.map((field) => fields[field]))).toEqual(expected.rows);
      expect(rows.map(({ number }) => number)).toEqual([2, 3, 4, 5, 10, 11, 12]);
    }
  });

  it('reads tab-separated text with quotes', async () => {
    const rows = await collect(openRows(join(golden, 'tricky.tsv')));
    expect(rows.map(({ fields }) => expected.header.map((field) => fields[field]))).toEqual(expected.rows);
  });

  it('keeps bare quotes of tab-separated corpora, and says when it cannot tell', async () => {
    const path = file(
      'bare.tsv',
      '"Wow" he said\t1\n"never closed\t0\n"quoted\twith tab"\t1\na "b" c\t0\n"whole"\t1\n',
    );
    const rows = await collect(openRows(path, { header: false }));
    expect(rows.map(({ fields }) => fields)).toEqual([
      { 0: '"Wow" he said', 1: '1' },
      { 0: '"never closed', 1: '0' },
      { 0: 'quoted\twith tab', 1: '1' },
      { 0: 'a "b" c', 1: '0' },
      { 0: 'whole', 1: '1' },
    ]);
    expect((await collect(openRows(path, { header: false, quotes: 'none', onError: 'skip' })))[3].fields).toEqual({
      0: '"whole"',
      1: '1',
    });
    const ambiguous = openRows(file('ambiguous.tsv', 'a\tb\n"only one\nx\ty"\tz\nlast\t1\n'), { onError: 'skip' });
    expect((await collect(ambiguous)).map(({ fields }) => fields)).toEqual([{ a: 'last', b: '1' }]);
    expect(ambiguous.report.issues).toEqual([
      { row: 2, reason: expect.stringContaining('spans the lines 2 to 3') as string },
    ]);
  });

  it('names fields 0, 1, 2 without a header, and takes another delimiter', async () => {
    expect(
      (await parse('a@1\nb@2\n', { format: 'csv', header: false, delimiter: '@' })).map(({ fields }) => fields),
    ).toEqual([
      { 0: 'a', 1: '1' },
      { 0: 'b', 1: '2' },
    ]);
  });

  it('reports ragged rows, stray text after quotes and quotes that are not closed', async () => {
    const source = openRows(file('bad.csv', 'text,label\nok,1\nshort\n\n"x"y,2\na,b,c\nfine,0\n"open,1\nmore\n'), {
      onError: 'skip',
    });
    expect((await collect(source)).map(({ number }) => number)).toEqual([2, 7]);
    expect(source.report).toMatchObject({ rows: 2, skipped: 4, blank: 1 });
    expect(source.report.issues.map(({ row, reason }) => `${row}: ${reason}`)).toEqual([
      '3: 1 fields where the header has 2',
      '5: text after the closing quote of field 1: "y"',
      '6: 3 fields where the header has 2',
      '8: the quoted field that starts on line 8 is not closed before the end of the input',
    ]);
    await expect(collect(openRows(file('stop.csv', 'a,b\n1\n')))).rejects.toThrow(
      /stop\.csv, row 2: 1 fields where the header has 2/,
    );
  });

  it('names the fields present when one is missing, and refuses repeated names', async () => {
    await expect(parse('a,b\n1,2\n', { format: 'csv', fields: ['text'] })).rejects.toThrow(
      /no field "text"; the fields present are "a", "b".*header: false/,
    );
    await expect(parse('a,a\n1,2\n', { format: 'csv' })).rejects.toThrow(/two fields are called "a"/);
  });

  it('gives back what was formatted, whatever it is', async () => {
    const cell = fc
      .oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[",\n\r\t a]*$/))
      .filter((text) => Buffer.from(text).toString() === text);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1 }),
        fc.constantFrom(',', '\t'),
        fc.integer({ min: 1, max: 20 }),
        async (records, delimiter, size) => {
          const text =
            ['a', 'b'].join(delimiter) + '\n' + records.map((record) => formatCsvRecord(record, delimiter)).join('');
          const rows = await parse(text, { format: 'csv', delimiter }, size);
          expect(rows.map(({ fields }) => [fields.a, fields.b])).toEqual(records);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives up on a quoted field without end before it fills the memory', () => {
    const parser = new CsvParser({ delimiter: ',', quotes: 'rfc4180', maxRecordLength: 100 });
    expect(parser.push({ number: 1, text: '"open' })).toBeUndefined();
    expect(parser.push({ number: 2, text: 'x'.repeat(100) })?.problem).toMatch(/is longer than 100 characters/);
    expect(parser.push({ number: 3, text: 'a,b' })?.values).toEqual(['a', 'b']);
  });
});

describe('lines of text', () => {
  it('ends lines at line feeds only, and keeps blank ones', async () => {
    const rows = await parse('\ufeffone\r\n\r\ntwo\u2028still\u0085two\x0b\x0c\rtwo\n \n', { format: 'txt' });
    expect(rows).toEqual([
      { number: 1, fields: { text: 'one' } },
      { number: 2, fields: { text: '' } },
      { number: 3, fields: { text: 'two\u2028still\u0085two\x0b\x0c\rtwo' } },
      { number: 4, fields: { text: ' ' } },
    ]);
    expect(await parse('', { format: 'txt' })).toEqual([]);
    expect((await parse('a\nb', { format: 'txt' })).length).toBe(2);
  });

  it('never replaces bytes that are not UTF-8 in silence', async () => {
    const bytes = Buffer.concat([Buffer.from('good\ncaf'), Buffer.from([0xe9]), Buffer.from('\nalso good\n')]);
    const path = file('latin.txt', bytes);
    await expect(collect(openRows(path))).rejects.toThrow(
      /row 2: invalid UTF-8 at byte 4 of the line \(0xe9\).*latin1/,
    );
    const skipping = openRows(path, { onError: 'skip' });
    expect((await collect(skipping)).map(({ number }) => number)).toEqual([1, 3]);
    expect((await collect(openRows(path, { encoding: 'latin1' })))[1].fields.text).toBe('café');
    expect((await parse(Buffer.from([0x80, 0xff]), { format: 'txt', encoding: 'latin1' }))[0].fields.text).toBe(
      '\u0080ÿ',
    );
    expect(
      (await parse(Buffer.from([0xd6, 0xd0, 0xce, 0xc4, 0x0a]), { format: 'txt', encoding: 'gb18030' }))[0].fields.text,
    ).toBe('中文');
    await expect(parse(Buffer.from('\ufeffa', 'utf16le'), { format: 'txt' })).rejects.toThrow(/UTF-16/);
  });

  it('finds the first invalid byte where the platform does', () => {
    const isValid = (bytes: Uint8Array): boolean => {
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    const byte = fc.oneof(
      fc.constantFrom(0x41, 0x80, 0xbf, 0xc1, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xf5),
      fc.integer({ min: 0, max: 255 }),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 8 }), (values) => {
        const bytes = Uint8Array.from(values);
        const position = firstInvalidUtf8(bytes);
        expect(position < 0).toBe(isValid(bytes));
        if (position >= 0) expect(isValid(bytes.subarray(0, position))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('drops a line that is too long, and goes on', async () => {
    const reporter = new RowReporter('input', 'skip');
    const text = `a\n${'x'.repeat(50)}\nb\n`;
    const rows = await collect(
      parseRows(inPieces(new TextEncoder().encode(text), 8), { format: 'txt', maxLineBytes: 20 }, reporter),
    );
    expect(rows.map(({ fields }) => fields.text)).toEqual(['a', 'b']);
    expect(reporter.report.issues).toEqual([{ row: 2, reason: 'the line is longer than 20 bytes' }]);
  });

  it('lists the first hundred bad rows and counts the rest', async () => {
    const source = openRows(file('many.jsonl', `{}\n${'x\n'.repeat(250)}`), { onError: 'skip' });
    expect((await collect(source)).length).toBe(1);
    expect(source.report.skipped).toBe(250);
    expect(source.report.issues.length).toBe(100);
  });
});

describe('JSON lines', () => {
  it('reads objects, passes over blank lines, and reports everything else', async () => {
    const source = openRows(file('a.jsonl', '{"text":"a","n":1}\n\n[1]\n{"text":\n{"other":2}\n{"text":"b"}'), {
      onError: 'skip',
      fields: ['text'],
    });
    expect((await collect(source)).map(({ fields }) => fields.text)).toEqual(['a', 'b']);
    expect(source.report).toMatchObject({ rows: 2, skipped: 3, blank: 1 });
    expect(source.report.issues.map(({ row }) => row)).toEqual([3, 4, 5]);
    expect(source.report.issues[2].reason).toBe('no field "text"; the fields present are "other"');
  });

  it('says what to do with one big array', async () => {
    await expect(collect(openRows(file('array.json', '[\n{"a":1}\n]\n')))).rejects.toThrow(/one JSON array/);
  });
});

describe('sources', () => {
  it('unpacks gzip, several members too, and reports damage', async () => {
    const packed = Buffer.concat([gzipSync('text\na\n'), gzipSync('b\n')]);
    expect((await collect(openRows(file('a.csv.gz', packed)))).map(({ fields }) => fields.text)).toEqual(['a', 'b']);
    await expect(
      collect(openRows(file('cut.csv.gz', gzipSync('text\n'.repeat(1000)).subarray(0, 30)))),
    ).rejects.toMatchObject({ code: 'invalid_file' });
  });

  it('can be read again, with a fresh report, and left early', async () => {
    const source = openRows(file('again.txt', 'a\nb\nc\n'));
    for await (const { number } of source) if (number === 2) break;
    expect((await collect(source)).length).toBe(3);
    expect(source.report.rows).toBe(3);
  });

  it('fails at once for absent files, folders and unknown formats', () => {
    expect(() => openRows(join(folder, 'none.csv'))).toThrow(/no file at/);
    expect(() => openRows(file('a.xyz', ''))).toThrow(/cannot tell the format/);
    expect(() => openRows(folder, { format: 'csv' })).toThrow(/got the folder/);
    expect(() => openRows('-', { format: 'parquet' })).toThrow(/standard input/);
  });

  it('gives texts of a named field, of "text", or of the only field', async () => {
    const texts = async (path: string, textField?: string): Promise<string[]> =>
      (await collect(readTexts(path, { textField }))).map(({ text }) => text);
    expect(await texts(file('t1.csv', 'id,text\n1,a\n'))).toEqual(['a']);
    expect(await texts(file('t2.csv', 'review\nb\n'))).toEqual(['b']);
    expect(await texts(file('t3.jsonl', '{"a":"x","b":"y"}\n'), 'b')).toEqual(['y']);
    expect(await texts(file('t4.txt', 'line\n'), 'anything')).toEqual(['line']);
    const source = readTexts(file('t5.jsonl', '{"text":5}\n{"text":null}\n{"text":"ok"}\n{"body":"?","x":1}\n'), {
      onError: 'skip',
    });
    expect((await collect(source)).length).toBe(1);
    expect(source.report).toMatchObject({ rows: 1, skipped: 3 });
    expect(source.report.issues[0].reason).toBe('field "text" must be a string, got number');
  });
});
