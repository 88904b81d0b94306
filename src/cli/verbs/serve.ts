import type { Command } from 'commander';
import { SERVER_SETTINGS } from '../../server/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { addDeviceOption } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine serve`: models over HTTP. */
export function registerServe(program: Command, io: CliIo): void {
  const command = addServeOptions(
    program
      .command('serve')
      .summary('serve models over HTTP')
      .description(
        'Serves models over HTTP, to clients of OpenAI, text-embeddings-inference, KServe and Hugging Face as they are, and with an API of its own. Without --model the built-in one.',
      ),
  ).option('--new-key <name>', 'make an API key, print it with its entry for the file of --keys, and end');
  addSettings(command, SERVER_SETTINGS)
    .addHelpText('after', MANUAL)
    .action(async () => {
      const { runServe } = await import('./serve-run.ts');
      await runServe(io, command.opts());
    });
}

/** What every command that serves can be told besides settings. */
export const addServeOptions = (command: Command): Command =>
  addDeviceOption(
    command
      .option(
        '-m, --model <name=folder...>',
        'folders or hub ids by the name that clients use; a folder alone is called as it is',
      )
      .option(
        '--index <name=folder...>',
        'indexes of albertine index build by the name that clients use; the models that they were made with must be served',
      )
      .option(
        '-c, --config <file>',
        'settings as JSON, "models" among them; flags and environment variables go before',
      ),
  );

const MANUAL = `
Routes
  /v1/embeddings /v1/models                                                   OpenAI
  /embed /embed_all /predict /rerank /similarity /tokenize /decode /info      text-embeddings-inference
  /v2/models/NAME/infer /v2/health/ready ...                                  KServe V2 (Open Inference Protocol)
  /models/NAME /models/NAME/pipeline/TASK                                     Hugging Face's inference API
  /v1/predict /v1/embed /v1/score /v1/keywords /v1/explain /v1/attention      albertine
  /v1/search /v1/indexes                                                      albertine: documents of --index
  /v1/runs /v1/runs/NAME/events /v1/about                                     albertine; runs with --runs
  /playground/                                                                a page to try it all in, with --playground
  /health /metrics /openapi.json /docs                                        state, figures for Prometheus, description

Texts of several requests are computed together; each gets the very numbers that it would get alone. Requests beyond --queue-tokens are refused with 429 and
Retry-After before any work. Long texts are read whole in windows unless the request or --long-text says otherwise; headers x-truncated-tokens and
x-windowed-texts say what happened. SIGTERM or Ctrl-C: no new requests, those begun are answered; a second one ends at once.

Every setting is also an environment variable (ALBERTINE_PORT, ALBERTINE_QUEUE_TOKENS ...) and a key of the --config file ("port", "queueTokens" ...).

Examples
  albertine serve
  albertine serve --model sentiment=runs/sst --model small=albertine-nano-en-zh --port 9000
  albertine serve --index docs=my-index
  albertine serve --new-key alice
  curl localhost:8080/v1/embeddings -H 'content-type: application/json' -d '{"input":"how do I water flowers"}'
`;
