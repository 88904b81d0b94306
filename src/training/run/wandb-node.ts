import { join } from 'node:path';
import { AlbertineError, wrongOption } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { createWandbTracker, type WandbTracker } from '../trackers/wandb.ts';
import { tell, type FineTuneRunOptions } from './options.ts';

/** In a run's folder, what `wandb sync` takes. */
export const WANDB_FOLDER = 'wandb';

/** What the W&B client refuses in names of projects. */
const NOT_IN_PROJECTS = /[/\\#?%:]/;
const LONGEST_PROJECT = 128;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Throws `invalid_argument` for options of W&B without a project, which would do nothing, and for sending without a key.
 */
export function requireWandb(wandb: FineTuneRunOptions['wandb'], environment: Environment = process.env): void {
  if (!wandb) return;
  if (wandb.project === '') throw wrongOption('wandb.project', 'the name of a project', { value: wandb.project });
  if (wandb.project === undefined) {
    const [given] = Object.entries(wandb).filter(([, value]) => value !== undefined && value !== false);
    if (given === undefined) return;
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(`wandb.${given[0]}`)} does nothing without ${option('wandb.project')}`,
      { value: wandb, option: 'wandb.project', hint: prose`Add ${option('wandb.project')}, or leave it out` },
    );
  }
  if (NOT_IN_PROJECTS.test(wandb.project) || wandb.project.length > LONGEST_PROJECT)
    throw wrongOption('wandb.project', `a name of at most ${LONGEST_PROJECT} characters without / \\ # ? % :`, {
      value: wandb.project,
    });
  if (wandb.online && !environment['WANDB_API_KEY'])
    throw new AlbertineError('invalid_argument', prose`${option('wandb.online')} needs a key in WANDB_API_KEY`, {
      option: 'wandb.online',
      hint: prose`Set it (wandb.ai/authorize shows yours), or leave ${option('wandb.online')} out and use: wandb sync`,
    });
}

/**
 * The tracker of a run's folder for W&B, where it was asked for. Nothing is sent without `online`, whatever the
 * environment has.
 */
export function openWandb(
  { output, resume = false, wandb, onEvent }: Pick<FineTuneRunOptions, 'output' | 'resume' | 'wandb' | 'onEvent'>,
  environment: Environment = process.env,
): WandbTracker | undefined {
  if (wandb?.project === undefined) return undefined;
  const { project, entity, name, online } = wandb;
  const baseUrl = environment['WANDB_BASE_URL'];
  const folder = join(output, WANDB_FOLDER);
  const tracker = createWandbTracker(folder, {
    project,
    resume,
    ...(entity !== undefined && { entity }),
    ...(name !== undefined && { name }),
    ...(online && { online: { apiKey: environment['WANDB_API_KEY'] ?? '', ...(baseUrl && { baseUrl }) } }),
    onWarning: (message) => tell(onEvent, 'warning', message),
    onAddress: (url) => tell(onEvent, 'wandb', `run ${tracker.runId} at ${url}`),
  });
  if (!online)
    tell(
      onEvent,
      'wandb',
      `run ${tracker.runId}, not sent; upload it with: wandb sync ${join(folder, `offline-run-*-${tracker.runId}`)}`,
    );
  return tracker;
}
