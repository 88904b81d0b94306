import { mapSpan } from '../../perturbation/perturbation.ts';
import { answerReport } from '../../metrics/answers.ts';
import type { Rewriting } from '../rewriting.ts';
import type { AnswerTypes } from './task.ts';

/** How questions and contexts are rewritten: the answer stays as it is, wherever it stands in the context. */
export const answerRewriting: Rewriting<AnswerTypes> = {
  texts: ({ input: { question, context }, gold: { answers } }) => [
    { text: question, spans: [], fixed: [], isWhole: false },
    { text: context, spans: [], fixed: answers.flatMap((answer) => placesOf(answer, context)), isWhole: true },
  ],
  put: ({ input, gold }, [question, context]) => {
    const [start, end] = gold.start < 0 ? [-1, -1] : mapSpan([gold.start, gold.end], context.edits);
    return {
      input: { ...input, question: question.text, context: context.text },
      gold: { ...gold, start, end },
    };
  },
  same: (before, after) => before.answer === after.answer,
  right: (gold, output) => answerReport([gold.answers], [output.answer]).f1,
  averages: () => true,
  labels: ({ answers }) => [answers.length > 0 ? 'answered' : 'unanswerable'],
  show: (answer) => ('gold' in answer ? answer.gold.answers[0] : answer.output.answer) || 'no answer',
  confidence: ({ score }) => score,
};

/** Every place of an answer: which of them is meant does not matter to who compares texts. */
function placesOf(answer: string, context: string): [start: number, end: number][] {
  const places: [number, number][] = [];
  for (let at = context.indexOf(answer); at >= 0; at = context.indexOf(answer, at + answer.length))
    places.push([at, at + answer.length]);
  return places;
}
