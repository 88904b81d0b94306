import { basename, join, relative, resolve } from 'node:path';
import { writeConfig } from '../../checkpoint/config-json.ts';
import { openCheckpoint, type Checkpoint } from '../../checkpoint/folder.ts';
import {
  saveOnnx,
  type ExternalDataMode,
  type SavedOnnx,
  type SaveOnnxOptions,
} from '../../checkpoint/onnx-export-node.ts';
import type { OnnxLayout } from '../../checkpoint/onnx-export.ts';
import type { OnnxOutput } from '../../checkpoint/onnx-outputs.ts';
import { publishFolder } from '../../checkpoint/save-node.ts';
import { readSentenceSettings, type SentenceSettings } from '../../checkpoint/sentence-transformers.ts';
import type { LoadedWeights } from '../../checkpoint/weights.ts';
import { writeFileAtomic } from '../../core/files-node.ts';
import type { FileSource } from '../../core/files.ts';
import { HEAD_NAMES, namesHead, optionalPart } from '../../model/heads.ts';
import type { Pooling } from '../../model/pooling.ts';
import { tokenizerForTransformers, tokenizerJson } from '../../tokenizer/transformers-files.ts';
import type { ConvertFlags } from './convert.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModelFiles } from '../streams/models.ts';
import { formatBytes } from '../terminal/progress-bar.ts';

/** Flags of `albertine convert --to onnx` besides those of every target. */
export interface OnnxFlags extends ConvertFlags {
  task?: OnnxOutput;
  layout?: OnnxLayout;
  pooling?: Pooling;
  normalize?: boolean;
  externalData?: ExternalDataMode;
}

/** `albertine convert --to onnx`: a model that transformers.js and ONNX Runtime in any language run. */
export async function convertToOnnx(io: CliIo, model: string | undefined, flags: OnnxFlags): Promise<void> {
  const { task, layout, pooling, normalize, externalData } = flags;
  const converted = await writeOnnxModel(await openModelFiles(io, model, flags), flags.output, {
    ...(task && { output: task }),
    ...(layout && { layout }),
    ...(pooling && { pooling }),
    ...(normalize !== undefined && { normalize }),
    ...(externalData && { externalData }),
  });
  for (const note of converted.notes) io.stderr.write(`note: ${note}\n`);
  io.stderr.write(
    `${converted.files.map((file) => basename(file)).join(', ')}: ${formatBytes(converted.byteLength)}, ${converted.output}, outputs ${converted.outputNames.join(', ')}\n`,
  );
  await io.stdout.write(`${flags.output}\n`);
}

/** Every published ALBERT's; transformers.js finds them only in tokenizer_config.json. */
const SPECIAL_TOKENS = {
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '<pad>',
  unk_token: '<unk>',
  mask_token: '[MASK]',
  bos_token: '[CLS]',
  eos_token: '[SEP]',
};

/** What {@link writeOnnxModel} wrote. */
export interface ConvertedOnnx extends SavedOnnx {
  output: OnnxOutput;
  /** What the user should know, such as files that another program would need and that could not be made. */
  notes: string[];
}

/**
 * Writes a checkpoint as ONNX. A `target` ending in `.onnx` is that file; any other is a folder in the layout of
 * transformers.js: `onnx/model.onnx`, `config.json`, tokeniser files. `output` defaults to the task of the checkpoint's
 * head, else `pooler` where it has one, else `hidden`.
 */
export async function writeOnnxModel(
  files: FileSource,
  target: string,
  options: Partial<SaveOnnxOptions> = {},
): Promise<ConvertedOnnx> {
  const checkpoint = await openCheckpoint(files);
  const loaded = await checkpoint.load();
  const output = options.output ?? defaultOutput(checkpoint, loaded);
  const sentences = await readSentenceSettings(files);
  const left = loaded.heads.flatMap((head) =>
    head === output ? (optionalPart(head, (name) => loaded.weights.has(name))?.name ?? []) : [],
  );
  const notes = [
    ...checkpoint.notes,
    ...left.map(
      (name) =>
        `the file gives logits; the weights ${name}.*, with which albertine decodes them, stay in the checkpoint`,
    ),
  ];
  // As `embed` has it: the pooling that the model was trained with, and its scaling.
  const settings = {
    ...(sentences && { pooling: sentences.pooling, normalize: sentences.normalize ?? false }),
    ...options,
    output,
  };
  if (output === 'embeddings' && sentences?.prompts)
    notes.push(
      `the model's prompts (${Object.keys(sentences.prompts.texts).join(', ')}) are not in the file: put them before the texts yourself`,
    );
  if (target.endsWith('.onnx'))
    return { ...(await saveOnnx(target, checkpoint.config, loaded.weights, settings)), output, notes };
  const written: SavedOnnx[] = [];
  await publishFolder(resolve(target), async (staging) => {
    written.push(
      await writeOnnxFolder(
        files,
        { checkpoint, weights: loaded.weights, sentences, notes, target: staging },
        settings,
      ),
    );
    written[0].files = written[0].files.map((file) => join(target, relative(staging, file)));
  });
  return { ...written[0], output, notes };
}

interface OnnxFolder {
  checkpoint: Checkpoint;
  weights: LoadedWeights['weights'];
  sentences: SentenceSettings | undefined;
  /** Receives what the user should know. */
  notes: string[];
  target: string;
}

async function writeOnnxFolder(
  files: FileSource,
  { checkpoint, weights, sentences, notes, target }: OnnxFolder,
  options: SaveOnnxOptions,
): Promise<SavedOnnx> {
  const saved = await saveOnnx(join(target, 'onnx', 'model.onnx'), checkpoint.config, weights, options);
  const extra = {
    ...checkpoint.details.extra,
    ...(saved.files.length > 1 && { 'transformers.js_config': { use_external_data_format: true } }),
  };
  const config = join(target, 'config.json');
  await writeFileAtomic(
    config,
    `${JSON.stringify(writeConfig(checkpoint.config, { ...checkpoint.details, extra }), null, 2)}\n`,
  );
  const written = [...saved.files, config];
  for (const [name, content] of Object.entries(await tokenizerFilesFor(files, checkpoint, { sentences, notes }))) {
    await writeFileAtomic(join(target, name), content);
    written.push(join(target, name));
  }
  return { ...saved, files: written };
}

/** The checkpoint's tokeniser as Python and transformers.js read it; `notes` is told what they do not get. */
async function tokenizerFilesFor(
  files: FileSource,
  checkpoint: Checkpoint,
  { sentences, notes }: { sentences: SentenceSettings | undefined; notes: string[] },
): Promise<Record<string, Uint8Array | string>> {
  let found: Record<string, Uint8Array | string> = {};
  for (const name of checkpoint.tokenizerFiles) found[name] = await files.read(name);
  if (found['tokenizer.json'] === undefined) {
    const made = tokenizerJson(found);
    if (made !== undefined)
      notes.push(
        "tokenizer.json was made for transformers.js; like Hugging Face's fast tokeniser it may split numbers before a comma and a few rare marks differently",
      );
    else notes.push('transformers.js needs a tokenizer.json, which this checkpoint does not have');
    if (made !== undefined)
      found = { 'tokenizer_config.json': JSON.stringify(SPECIAL_TOKENS), ...found, 'tokenizer.json': made };
  }
  return tokenizerForTransformers(found, {
    positions: checkpoint.config.maxPositionEmbeddings,
    maxLength: sentences?.maxLength,
  });
}

function defaultOutput(checkpoint: Checkpoint, { heads, weights }: LoadedWeights): OnnxOutput {
  const named = checkpoint.details.architectures ?? [];
  // Heads of pretraining are exported only where the checkpoint is named after them: most use it for embeddings.
  const task = HEAD_NAMES.find(
    (head) =>
      heads.includes(head) &&
      (namesHead(named, head) ? head !== 'sentenceOrder' : head !== 'maskedLm' && head !== 'sentenceOrder'),
  );
  if (task) return task;
  return weights.has('albert.pooler.weight') ? 'pooler' : 'hidden';
}
