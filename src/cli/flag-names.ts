/** Options of the library whose flag has the same name in another spelling. A test compares the list with the flags that there are. */
const SAME_NAME = [
  'adamEpsilon', 'balanceClasses', 'batchSize', 'batchTokens', 'byteFallback', 'characterCoverage', 'checkpointEvery', 'dropDuplicates', 'evalFields', 'evaluateEvery', 'externalData', 'freshHead', 'groupByLength', 'heldOut', 'keepAccents',
  'keepCase', 'labelField', 'labelSeparator', 'labelSmoothing', 'layerCombination', 'layerDecay', 'learningRate', 'longText', 'lookAhead', 'maskProbability', 'maxGradNorm', 'maxLength', 'maxNgram', 'maxPieceLength', 'maxPredictions', 'maxScore',
  'maxSteps', 'microBatchTokens', 'onError', 'pairField', 'requiredCharacters', 'rowNumbers', 'saveActivations', 'scoreField', 'shardTokens', 'splitDigits', 'splitHan', 'textField', 'topK', 'userSymbols', 'vocabSize',
  'finalLearningRate', 'histogramEvery', 'keepCheckpoints', 'rollBackAfter', 'spikeFactor', 'warmupRatio', 'warmupSteps', 'weightDecay', 'windowCombination', 'wordEmbeddings', 'wordsBaseline',
];
/** Options whose flag is called differently. */
const OTHER_NAME: Readonly<Record<string, string>> = { evaluationFields: '--eval-fields', frozen: '--freeze', inputSentenceSize: '--sample', userDefinedSymbols: '--user-symbols' };
/** One-word options: common words too, and so recognised only as the subject of a message. */
const ONE_WORD = /^(calibrate|dimensions|dropout|epochs|freeze|frozen|metric|patience|pooling|problem|seed|segments|steps|stride|temperature|threads|workers)(?= (?:must|needs|selects)\b)/;

const NAMES = [...SAME_NAME, ...Object.keys(OTHER_NAME)].filter((name) => /[A-Z]/.test(name)).join('|');
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
  return OTHER_NAME[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
