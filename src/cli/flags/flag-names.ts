import { flagName } from '../../core/settings.ts';
import { TASKS } from '../../tasks/registry.ts';

/** Options of the library, besides those of tasks, whose flag has the same name in another spelling. A test compares the list with the flags that there are. */
const SAME_NAME = [
  'evalFields',
  'adamEpsilon', 'batchSize', 'batchTokens', 'byteFallback', 'characterCoverage', 'checkpointEvery', 'evaluateEvery', 'externalData', 'heldOut', 'keepAccents', 'keepCase',
  'layerCombination', 'layerDecay', 'learningRate', 'longText', 'lookAhead', 'maskProbability', 'maxGradNorm', 'maxLength', 'maxNgram', 'maxPieceLength', 'maxPredictions', 'maxSteps',
  'microBatchTokens', 'onError', 'pairField', 'requiredCharacters', 'rowNumbers', 'saveActivations', 'shardTokens', 'splitDigits', 'splitHan', 'textField', 'userSymbols', 'vocabSize',
  'finalLearningRate', 'histogramEvery', 'keepCheckpoints', 'rollBackAfter', 'spikeFactor', 'warmupRatio', 'warmupSteps', 'weightDecay', 'windowCombination', 'wordEmbeddings',
];
/** Options whose flag is called differently. */
const OTHER_NAME: Readonly<Record<string, string>> = { frozen: '--freeze', inputSentenceSize: '--sample', userDefinedSymbols: '--user-symbols' };
/** Options of tasks by their flags. */
const OF_TASKS = new Map(TASKS.flatMap(({ finetune, evaluate, predict }) => [finetune, evaluate, predict].flatMap((verb) => Object.entries(verb?.settings ?? {}).map(([name, setting]): [string, string] => [name, `--${flagName(name, setting)}`]))));
/** One-word options: common words too, and so recognised only as the subject of a message. */
const ONE_WORD = /^(calibrate|dimensions|dropout|epochs|freeze|frozen|metric|patience|pooling|problem|seed|segments|steps|stride|temperature|threads|workers)(?= (?:must|needs|selects)\b)/;

const NAMES = [...new Set([...SAME_NAME, ...Object.keys(OTHER_NAME), ...OF_TASKS.keys()])].filter((name) => /[A-Z]/.test(name)).join('|');
/** A name by itself: not in quotes and not a part of a path, where it would be the user's. The value after it goes with it. */
const OPTION = new RegExp(`(?<![\\w"'/.-])(${NAMES})(?![\\w"'/-]|\\.\\w)(?::? '(\\w+)')?`, 'g');

/** The library names options as its callers do (`onError 'skip'`, `header: false`); on the command line they are `--on-error skip`, `--no-header`. */
export function asFlags(message: string): string {
  return message
    .replace(/\bset hardVocabLimit to false\b/g, 'use --no-hard-vocab-limit')
    .replace(/\bsay header: false\b/g, 'use --no-header')
    .replace(/\bheader: false\b/g, '--no-header')
    .replace(/\bsay delimiter (?=")/g, 'use --delimiter ')
    .replace(/\bName the format: /g, 'Name it with --format: ')
    .replace(/\bmore epochs\b/g, 'more --epochs')
    .replace(ONE_WORD, (name) => flagOf(name))
    .replace(OPTION, (_match, name: string, value?: string) => `${flagOf(name)}${value === undefined ? '' : ` ${value}`}`);
}

/** The flag of an option of the library. */
export function flagOf(name: string): string {
  return OTHER_NAME[name] ?? OF_TASKS.get(name) ?? `--${flagName(name)}`;
}
