import type { HeadName } from '../model/heads.ts';

/* Names that the `.onnx` export and the command line share; kept apart so that printing a manual loads nothing else. */

/**
 * What an exported file computes, under the names of Hugging Face's exports (`b` batch, `s` sequence):
 * - `hidden`: `last_hidden_state [b, s, hidden]`;
 * - `pooler`: `last_hidden_state` and `pooler_output [b, hidden]`;
 * - `embeddings`: `token_embeddings [b, s, hidden]` and `sentence_embedding [b, hidden]`, as sentence-transformers
 *   names them;
 * - `pretraining`: `prediction_logits [b, s, vocab]` and `sop_logits [b, 2]`;
 * - the name of a head: its `onnxOutputs` (see `HEADS`), `[b, outputs]` where it reads the pooled vector and
 *   `[b, s, outputs]` elsewhere.
 */
export const ONNX_OUTPUTS = [
  'hidden',
  'pooler',
  'embeddings',
  'pretraining',
  'sequenceClassification',
  'tokenClassification',
  'multipleChoice',
  'questionAnswering',
  'sentenceOrder',
  'maskedLm',
] as const;
export type OnnxOutput = (typeof ONNX_OUTPUTS)[number];
/** Does not compile while a head is missing above. */
export type EveryHeadIsAnOutput = HeadName extends OnnxOutput ? true : never;
void (true satisfies EveryHeadIsAnOutput);

/**
 * How depth is written: one layer in an ONNX Loop, or its nodes once per depth; the weights are stored once either way.
 */
export const ONNX_LAYOUTS = ['loop', 'unrolled'] as const;
export type OnnxLayout = (typeof ONNX_LAYOUTS)[number];

/** Whether weights go to a second file beside the model. */
export const EXTERNAL_DATA_MODES = ['auto', 'always', 'never'] as const;
export type ExternalDataMode = (typeof EXTERNAL_DATA_MODES)[number];
