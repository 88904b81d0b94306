import { join } from 'node:path';
import { bm25Bound, bm25Scores, type Posting } from '../../classical/bm25.ts';
import { mixedTerms } from '../../classical/terms.ts';
import { damaged, notTogether } from '../damaged.ts';
import { MANIFEST } from '../generations-node.ts';
import { PlacedFile } from '../placed-file-node.ts';
import type { LexicalIndex, LexicalScores } from './lexical.ts';
import { HEADER_BYTES, parseHeader, readPostings, sectionsOf, WORDS, type WordsHeader } from './postings.ts';

interface Tables {
  /** See `postings.ts`. */
  places: Float64Array;
  lengths: Uint32Array;
  found: Uint32Array;
  starts: Uint32Array;
  text: Buffer;
}

/**
 * The words of an index in their file. The first search reads its tables, some 20 bytes a distinct term and 4 a chunk;
 * every search reads the postings of its words.
 */
export class StoredWords implements LexicalIndex {
  private readonly file: PlacedFile;
  private readonly path: string;
  private readonly header: WordsHeader;
  private tables: Promise<Tables> | undefined;

  private constructor(file: PlacedFile, path: string, header: WordsHeader) {
    this.file = file;
    this.path = path;
    this.header = header;
  }

  /**
   * Those in the folder of a generation; undefined where there are none, or where another version wrote them. Throws
   * `invalid_file` for a damaged file, and for one of another number of documents.
   */
  static async open(folder: string, documents: number): Promise<StoredWords | undefined> {
    const path = join(folder, WORDS);
    const file = await PlacedFile.openIfThere(path);
    if (!file) return undefined;
    const header = parseHeader(await file.read(0, HEADER_BYTES), file.size);
    if (typeof header === 'object' && header.documents === documents) return new StoredWords(file, path, header);
    await file[Symbol.asyncDispose]();
    if (header === 'older') return undefined;
    if (header) throw notTogether([path, join(folder, MANIFEST)], `${header.documents} chunks, and ${documents}`);
    throw damaged(path, 'it has not the bytes that were written');
  }

  async search(query: string): Promise<LexicalScores> {
    const tables = await (this.tables ??= this.readTables());
    const { documents, totalLength } = this.header;
    const postings: (Posting | undefined)[] = [];
    for (const term of new Set(mixedTerms(query))) postings.push(await this.postingsOf(term, tables));
    return {
      scores: bm25Scores(postings, { lengths: tables.lengths, meanLength: totalLength / Math.max(1, documents) }),
      bound: bm25Bound(
        postings.map((posting) => posting?.documents.length ?? 0),
        documents,
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }

  private async readTables(): Promise<Tables> {
    const { places, lengths, found, starts, text, end } = sectionsOf(this.header);
    const { buffer, length } = await this.file.read(places, end);
    if (length !== end - places) throw damaged(this.path, 'it ends too early');
    const bytes = buffer as ArrayBuffer;
    return {
      places: new Float64Array(bytes, 0, (lengths - places) / 8),
      lengths: new Uint32Array(bytes, lengths - places, (found - lengths) / 4),
      found: new Uint32Array(bytes, found - places, (starts - found) / 4),
      starts: new Uint32Array(bytes, starts - places, (text - starts) / 4),
      text: Buffer.from(bytes, text - places),
    };
  }

  private async postingsOf(term: string, { places, found, starts, text }: Tables): Promise<Posting | undefined> {
    let [low, high] = [0, found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (text.toString('utf8', starts[middle], starts[middle + 1]) < term) low = middle + 1;
      else high = middle;
    }
    if (low === found.length || text.toString('utf8', starts[low], starts[low + 1]) !== term) return undefined;
    const bytes = await this.file.read(HEADER_BYTES + places[low], HEADER_BYTES + places[low + 1]);
    const posting = readPostings(bytes, { found: found[low], documents: this.header.documents });
    if (!posting) throw damaged(this.path, `the chunks that have ${JSON.stringify(term)} cannot be read`);
    return posting;
  }
}
