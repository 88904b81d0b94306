import { COUNT, objectSchema, TEXT, type HuggingFaceForm } from '../service.ts';
import type { ContextSpan, ReaderFacts } from './task.ts';

const QUESTION = objectSchema({ question: TEXT, context: TEXT }, ['question', 'context']);

/** Hugging Face's `question-answering`; without `handle_impossible_answer` there is always an answer, as there. */
export const questionAnswering = ({ noAnswerThreshold }: ReaderFacts): HuggingFaceForm => ({
  task: 'question-answering',
  inputs: QUESTION,
  parameters: objectSchema({
    top_k: COUNT,
    max_answer_len: COUNT,
    doc_stride: COUNT,
    max_seq_len: COUNT,
    handle_impossible_answer: { type: 'boolean' },
  }),
  ask: (inputs, { top_k, max_answer_len, doc_stride, max_seq_len, handle_impossible_answer: impossible }) => ({
    inputs: [inputs],
    options: {
      ...(top_k !== undefined && { topK: top_k }),
      ...(max_answer_len !== undefined && { maxAnswerLength: max_answer_len }),
      ...(doc_stride !== undefined && { stride: doc_stride }),
      ...(max_seq_len !== undefined && { maxLength: max_seq_len }),
      noAnswerThreshold: impossible === true ? (noAnswerThreshold ?? 0) : Number.MAX_VALUE,
    },
  }),
  respond([{ record }]) {
    const plain = ({ answer, start, end, score }: ContextSpan): ContextSpan => ({ answer, start, end, score });
    const { answers } = record as { answers?: ContextSpan[] };
    return answers ? answers.map(plain) : plain(record as unknown as ContextSpan);
  },
});
