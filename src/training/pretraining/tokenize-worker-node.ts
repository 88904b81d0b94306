import { parentPort, workerData } from 'node:worker_threads';
import { openFolder } from '../../core/files-node.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import { DocumentEncoder, type EncodeJob, type EncoderSettings } from './document-encoder.ts';

// Entry of a worker thread: the tokeniser's folder and settings are its workerData; every message is a job, every reply
// its result.
const { tokenizerFolder, settings } = workerData as { tokenizerFolder: string; settings: EncoderSettings };
const encoder = openFolder(tokenizerFolder)
  .then(loadTokenizer)
  .then((tokenizer) => new DocumentEncoder(tokenizer, settings));

parentPort!.on('message', (job: EncodeJob) => {
  void encoder
    .then((ready) => ready.encode(job))
    .then(
      (result) =>
        parentPort!.postMessage({ result }, [
          result.ids.buffer as ArrayBuffer,
          result.segmentEnds.buffer as ArrayBuffer,
          result.documentSegments.buffer as ArrayBuffer,
        ]),
      (error: Error) => parentPort!.postMessage({ error: error.message }),
    );
});
