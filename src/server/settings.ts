import type { OptionsOf, Settings } from '../core/settings.ts';

/** Every setting of a server: its flag, its environment variable, its key in the configuration file. */
export const SERVER_SETTINGS = {
  host: { kind: 'text', help: 'address to listen on; 0.0.0.0 for all', default: '127.0.0.1' },
  port: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 65535,
    help: 'port; 0 for a free one',
    default: 8080,
    short: 'p',
  },
  threads: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'processor threads of a pass through a network',
    usual: 'those this process may use',
  },
  dtype: {
    kind: 'text',
    values: ['f32', 'int8'],
    help: 'how networks compute: f32, or int8, for which f32 weights are quantised when they are loaded',
    usual: 'as the weights are stored',
    placeholder: 'type',
  },
  batchTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'padded tokens of texts, of different requests too, that are computed together',
    default: 1024,
  },
  batchWait: {
    kind: 'number',
    min: 0,
    help: 'milliseconds that an idle network waits for more texts to compute together',
    default: 0,
    placeholder: 'ms',
  },
  queueTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'tokens of requests that are accepted and not yet answered, of one at most a sixteenth; beyond, clients are told to come again (429)',
    default: 65536,
  },
  requestTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'tokens of one request; larger ones are refused (413)',
    default: 1048576,
  },
  maxBody: { kind: 'number', above: 0, help: 'megabytes of a request; larger ones are refused (413)', default: 8 },
  deadline: {
    kind: 'number',
    above: 0,
    help: 'seconds after which an unanswered request is given up (504)',
    default: 60,
    placeholder: 's',
  },
  longText: {
    kind: 'text',
    values: ['window', 'truncate', 'error'],
    help: 'what happens to texts longer than the model takes, where a request does not say',
    default: 'window',
    placeholder: 'policy',
  },
  modelMemory: {
    kind: 'number',
    above: 0,
    help: 'megabytes of weights kept loaded; the model used longest ago goes first',
    usual: 'no limit',
    placeholder: 'mb',
  },
  lazy: {
    kind: 'flag',
    help: 'load every model when it is first asked for. Otherwise all are loaded at the start; with --model-memory the first',
  },
  playground: { kind: 'flag', help: 'serve the page to try the models in, under /playground/' },
  runs: {
    kind: 'file',
    help: 'folder of training runs whose curves /v1/runs and the playground show',
    placeholder: 'folder',
  },
  keys: { kind: 'file', help: 'JSON of API keys (see --new-key); without it everybody may ask' },
  requestsPerMinute: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'of one key (or address, without keys); a key in the file may have its own',
    usual: 'no limit',
  },
  corsOrigin: {
    kind: 'list',
    help: 'origins whose pages may ask, separated by commas; * for all',
    usual: 'none',
    placeholder: 'origins',
  },
  trustProxy: { kind: 'flag', help: 'take the address of a client from X-Forwarded-For: behind a proxy of your own' },
  tlsCert: { kind: 'file', help: 'certificate (PEM), with --tls-key: HTTPS' },
  tlsKey: { kind: 'file', help: 'its private key (PEM)' },
  log: {
    kind: 'text',
    values: ['silent', 'error', 'warn', 'info', 'debug'],
    help: 'JSON lines on standard error, at this level',
    default: 'info',
    placeholder: 'level',
  },
  logTexts: { kind: 'flag', help: 'log the texts of requests too' },
} as const satisfies Settings;

/** {@link SERVER_SETTINGS} as options. */
export type ServerSettings = OptionsOf<typeof SERVER_SETTINGS>;

/** Those with a default, filled in. */
export type FilledSettings = ServerSettings &
  Required<
    Pick<
      ServerSettings,
      | 'host'
      | 'port'
      | 'batchTokens'
      | 'batchWait'
      | 'queueTokens'
      | 'requestTokens'
      | 'maxBody'
      | 'deadline'
      | 'longText'
      | 'log'
    >
  >;

/** Settings with defaults for those that are not given. */
export function filled(settings: ServerSettings): FilledSettings {
  const defaults = Object.fromEntries(
    Object.entries(SERVER_SETTINGS).flatMap(([name, setting]) =>
      'default' in setting ? [[name, setting.default]] : [],
    ),
  );
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given } as FilledSettings;
}
