import type { Command } from 'commander';
import { DISTILL_RUN_SETTINGS, DISTILL_SETTINGS } from '../../tasks/distill/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine distill`: a student learns what a teacher says of texts. */
export function registerDistill(program: Command, io: CliIo): void {
  const command = program
    .command('distill')
    .summary('teach a small model what another one says of your texts')
    .description(
      'Teaches an ALBERT what a teacher says of texts: sentence vectors or token states of any encoder, its guesses at masked words, or the answers of a text classifier. No labels are needed.',
    );
  addSettings(command, { ...DISTILL_SETTINGS, ...DISTILL_RUN_SETTINGS })
    .option(
      '-q, --quiet',
      'no progress, no facts about the data and no result: only the output folder, notes, warnings and errors',
    )
    .addHelpText('after', MANUAL)
    .action(async () => {
      const { runDistill } = await import('./distill-run.ts');
      await runDistill(io, command);
    });
}

const MANUAL = `
Teachers
  An ALBERT          --teacher MODEL: its vectors (or answers) are computed first, in files of 1,024 texts that are never computed again
  Any encoder        --teacher-vectors v.npy --input texts.txt, made in Python by
                       import numpy; from sentence_transformers import SentenceTransformer
                       texts = [line.rstrip('\\n') for line in open('texts.txt', encoding='utf-8', newline='\\n')]
                       numpy.save('v.npy', SentenceTransformer('NAME').encode(texts))
                     or lines such as {"text": "...", "embedding": [0.1, ...]} in --input
  Token states       --task tokens --teacher MODEL, of any vocabulary: a token of the student learns the mean of the teacher's tokens that it overlaps. Or from Python:
                     --teacher-vectors with a row a token, special tokens among them, and lines such as {"text": "...", "offsets": [[0, 0], [0, 3], [0, 0]]} in --input
  Masked words       --task masked --teacher MODEL of the same vocabulary with a head for masked words, asked at every step
  A classifier       --task classify --teacher MODEL, or lines such as {"text": "...", "logits": [1.2, -0.3]}

Vectors
  The teacher's mean is subtracted, and its main directions, as many as the student is wide, are what the student learns; a teacher that is narrower is learned in
  the first of the student's numbers. How they were made is in OUTPUT/distillation (targets.json, targets-mean.npy, targets-directions.npy).
  Vectors are read from disk when a step needs them: millions of texts take little memory. All texts of a step are compared, so --batch-size times --max-length decides
  what it takes.

What is in --output
  the student, as Hugging Face's transformers and (vectors) sentence-transformers load it; README.md, run.json, metrics.jsonl, events.jsonl, tensorboard/ as of finetune
  distillation/      what the teacher said, and how it became targets; not needed once the run has finished

Held-out texts
  embedding          cosine: mean cosine to the teacher's vectors; spearman: rank correlation of the similarities of all pairs of up to 500 texts
  tokens             cosine: mean cosine of the tokens to the teacher's states
  masked             divergence from the teacher's guesses (0: equal); agreement: share of its best guesses; mlmLoss, mlmAccuracy: on the words that were there
  classify           agreement: share of the teacher's best label; divergence: how far the probabilities are from the teacher's (0: equal)

Interrupting
  Ctrl-C finishes the step (or the texts that the teacher is asked about), saves and ends with exit code 130; the same command with --resume continues.
  Exit codes: 0 done, 1 failed, 2 wrong options, 130 interrupted.

Examples
  albertine distill --teacher-vectors v.npy --input texts.txt --student tiny --output small
  albertine distill --teacher albertine-nano-en-zh --input corpus.txt --student tiny --output small --epochs 5
  albertine distill --task tokens --teacher sentence-transformers/all-MiniLM-L6-v2 --input corpus.txt --student tiny --output encoder
  albertine distill --task classify --teacher sentiment --input reviews.txt --student albertine-nano-en-zh --output fast
Then
  albertine embed --model small "a text" "another"
  albertine evaluate small --data scored-pairs.csv --text-field a --pair-field b --score-field score
`;
