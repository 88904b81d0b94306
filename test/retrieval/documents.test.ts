import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReadDocument } from '../../src/retrieval/documents/document.ts';
import { readHtml } from '../../src/retrieval/documents/html.ts';
import { readMarkdown } from '../../src/retrieval/documents/markdown.ts';
import { readPdf } from '../../src/retrieval/documents/pdf-node.ts';
import { readPlain } from '../../src/retrieval/documents/plain.ts';
import { listSources, readDocuments, sourceOf } from '../../src/retrieval/documents/sources-node.ts';
import { pdfOf } from './pdf.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-documents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}
const textsOf = ({ text, blocks }: ReadDocument): string[] => blocks.map(({ start, end }) => text.slice(start, end));
const pathsOf = ({ blocks }: ReadDocument): string[] => blocks.map(({ headings }) => headings.join('/'));

describe('plain text', () => {
  it('is cut at empty lines, those of Windows too', () => {
    expect(textsOf(readPlain('  one\ntwo\r\n \t\r\nthree\n\n\n\n四。\n'))).toEqual(['one\ntwo', 'three', '四。']);
    expect(textsOf(readPlain(' \n\n'))).toEqual([]);
  });
});

describe('Markdown', () => {
  it('has the headings above each block, and keeps code whole', () => {
    const document = readMarkdown(
      '# A `title`\nintro\n\n## Part *one*\n\n```sh\n# no heading\n\nrun\n```\ntext\n\nOther\n-----\n- a\n- b\n\n### Deep\nx\n# [End](u)\ny',
    );
    expect(textsOf(document)).toEqual(['intro', '```sh\n# no heading\n\nrun\n```', 'text', '- a\n- b', 'x', 'y']);
    expect(pathsOf(document)).toEqual([
      'A title',
      'A title/Part one',
      'A title/Part one',
      'A title/Other',
      'A title/Other/Deep',
      'End',
    ]);
    expect(document.title).toBe('A title');
  });

  it('reads scalars of front matter as fields, and rules and lists as no heading', () => {
    const document = readMarkdown(
      '\ufeff---\ntitle: "标题"\nlang: zh\nyear: 2021\ntags: [a]\ndraft: false\n---\n正文\n\n---\n\nafter\n',
    );
    expect(document.fields).toEqual({ title: '标题', lang: 'zh', year: 2021, draft: false });
    expect(document.title).toBe('标题');
    expect(textsOf(document)).toEqual(['正文', '---', 'after']);
  });
});

describe('HTML', () => {
  const source = `<!doctype html><html lang=zh><head><title>Tea &amp; water</title><style>p{}</style></head><body>
<nav><a href=/>Home</a></nav><h1>Tea</h1><p>Boil   <b>fresh</b>
 water &mdash; caf&eacute;.</p><script>let a = "<p>no</p>";</script>
<h2>绿茶</h2><ul><li>八十度</li><li>three<br>minutes</li></ul><pre>a
  b</pre></body></html>`;
  const document = readHtml(source);

  it('gives what is read, below its headings', () => {
    expect(textsOf(document)).toEqual(['Boil fresh water — café.', '八十度', 'three\nminutes', 'a\nb']);
    expect(pathsOf(document)).toEqual(['Tea', 'Tea/绿茶', 'Tea/绿茶', 'Tea/绿茶']);
    expect([document.title, document.fields]).toEqual(['Tea & water', { lang: 'zh' }]);
  });

  it('leads back into the file', () => {
    const placed = document.blocks.map(({ start, end }) => source.slice(...document.place!(start, end)));
    expect(placed).toEqual([
      'Boil   <b>fresh</b>\n water &mdash; caf&eacute;.',
      '八十度',
      'three<br>minutes',
      'a\n  b',
    ]);
    const at = document.text.indexOf('—');
    expect(source.slice(...document.place!(at, at + 1))).toBe('&mdash;');
    const inner = document.text.indexOf('minutes');
    expect(source.slice(...document.place!(inner + 2, inner + 5))).toBe('nut');
  });
});

describe('PDF', () => {
  it('has text by paragraphs and pages', async () => {
    const document = await readPdf(
      pdfOf([[['A para-', 'graph of two lines.'], ['Another.']], [['Second page.']]]),
      'a.pdf',
    );
    expect(textsOf(document)).toEqual(['A paragraph of two lines.', 'Another.', 'Second page.']);
    expect(document.blocks.map(({ page }) => page)).toEqual([1, 1, 2]);
  });

  it('that is none is named', async () => {
    await expect(readPdf(new TextEncoder().encode('hello'), 'b.pdf')).rejects.toThrow(/b\.pdf cannot be read as PDF/);
  });
});

describe('sources', () => {
  it('are files by their kind; what is hidden or of another kind is not read', async () => {
    mkdirSync(join(folder, 'in/.git'), { recursive: true });
    mkdirSync(join(folder, 'in/node_modules'));
    for (const [name, content] of Object.entries({
      'in/b.md': '# B\nb',
      'in/a.csv': 'text,lang,title\nhello,en,T\n你好,zh,\n',
      'in/.git/c.md': 'hidden',
      'in/node_modules/d.md': 'hidden',
      'in/e.png': '',
      'in/f.json': '{}',
    }))
      writeFileSync(join(folder, name), content);
    const { files, leftOut } = await listSources([sourceOf(join(folder, 'in')), sourceOf(join(folder, 'in/b.md'))]);
    expect(files.map(({ file }) => file.slice(folder.length + 1))).toEqual(['in/a.csv', 'in/b.md']);
    expect(leftOut).toEqual({ '.png': 1, '.json': 1 });
    const rows = await collect(readDocuments(files[0], {}));
    expect(rows.map(({ text, row, title, fields }) => [text, row, title, fields])).toEqual([
      ['hello', 2, 'T', { lang: 'en' }],
      ['你好', 3, undefined, { lang: 'zh' }],
    ]);
    await expect(listSources([sourceOf(join(folder, 'in/e.png'))])).rejects.toThrow(/what kind of document/);
    await expect(listSources([sourceOf(join(folder, 'none'))])).rejects.toThrow(/no file or folder/);
  });

  it('that are not of the encoding are refused', async () => {
    writeFileSync(join(folder, 'latin.txt'), Buffer.from('caf\xe9', 'latin1'));
    const { files } = await listSources([sourceOf(join(folder, 'latin.txt'))]);
    await expect(collect(readDocuments(files[0], {}))).rejects.toThrow(/latin\.txt is not utf-8/);
    expect((await collect(readDocuments(files[0], { encoding: 'latin1' })))[0].text).toBe('café');
  });
});
