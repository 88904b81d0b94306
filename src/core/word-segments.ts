let segmenter: Intl.Segmenter | undefined;

/**
 * Words and what is between them, by Unicode's rules and ICU's dictionaries (UAX 29). One segmenter for all: building
 * it takes long, and it has no state. Its locale only matters where no dictionary decides.
 */
export function wordSegments(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('zh', { granularity: 'word' });
  return segmenter.segment(text);
}
