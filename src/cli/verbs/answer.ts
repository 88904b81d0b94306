import type { Command } from 'commander';
import { TEXT_ENCODINGS } from '../../data/lines.ts';
import { integer, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine answer`: answers to questions from documents. */
export function registerAnswer(program: Command, io: CliIo): void {
  program
    .command('answer')
    .argument('<model>', 'folder of a reader (finetune answer), or a hub id')
    .summary('answers to questions from documents')
    .description(
      'Finds the passages of documents that fit a question, reads them and prints the best answers with where they stand.',
    )
    .requiredOption('--question <text...>', 'one or more questions')
    .requiredOption(
      '--documents <file...>',
      'texts (.txt, .md or anything that is read as one text), or .jsonl, .csv, .tsv, .parquet with a text in each row',
    )
    .option('--text-field <name>', 'field of the text in files of rows. Default: text, or the only one there is')
    .option(
      '--encoding <name>',
      `encoding of text files, never guessed: ${TEXT_ENCODINGS.join(', ')}. Default: utf-8`,
      oneOf(...TEXT_ENCODINGS),
    )
    .option(
      '--embedder <model>',
      'also finds passages by their meaning, across languages: a model of sentence embeddings, such as albertine-nano-en-zh (the built-in one); indexing then takes a while',
    )
    .option('--top-k <n>', 'answers to each question, best first. Default: 3', integer({ min: 1 }))
    .option('--passages <n>', 'passages that are read for a question. Default: 10', integer({ min: 1 }))
    .option('--max-answer-length <n>', 'tokens of an answer at most. Default: 30', integer({ min: 1 }))
    .option('--json', 'print a line of JSON for each question')
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no facts about the documents; notes and errors are still printed')
    .addHelpText(
      'after',
      `
--json: {"question":"..","answers":[{"answer":"Ada","name":"notes.txt","document":0,"start":18,"end":21,"score":0.93,"passage":{"start":0,"end":80,"rank":1}}]}
  "start" and "end" are UTF-16 positions in the document (in files of rows: in the row's text, "name" has the row).

Examples
  albertine answer reader --question "Who wrote it?" --documents notes.txt chapters/*.md
  albertine answer reader --question "谁写的？" --documents articles.jsonl --text-field body --embedder albertine-nano-en-zh --json
`,
    )
    .action(async (model: string, options: object) => {
      const { runAnswer } = await import('./answer-run.ts');
      await runAnswer(io, model, options as never);
    });
}
