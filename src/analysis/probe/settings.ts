/** What a probe predicts: a label of a text, the similarity of two, or a label of each word. */
export const PROBE_KINDS = ['classify', 'similarity', 'tags'] as const;
/** One of {@link PROBE_KINDS}. */
export type ProbeKind = (typeof PROBE_KINDS)[number];
