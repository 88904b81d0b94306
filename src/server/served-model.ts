import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isAdapterFolder } from '../checkpoint/adapter-folder-node.ts';
import { AlbertineError } from '../core/errors.ts';
import { createPause } from '../core/interrupt.ts';
import { nearestName } from '../core/nearest.ts';
import type { Albert } from '../loaded/albert.ts';
import { loadAs, type Dtype } from '../loaded/load-dtype-node.ts';
import { modelFolder, type NodeLoadOptions } from '../loaded/load-node.ts';
import { FOLDERS, taskOf } from '../tasks/registry.ts';
import type { SharedBases } from '../loaded/shared-bases-node.ts';
import type { TaskService } from '../tasks/service.ts';
import { SERVICES } from '../tasks/services.ts';
import type { AskedModel, GivenOptions } from '../tasks/verbs.ts';
import type { ForwardQueue } from './forward-queue.ts';

/** Characters of a text whose tokens are counted. */
const COUNTED_CHARACTERS = 16384;

/** Of all that any model can be asked. */
const TASK_NAMES: readonly string[] = [...new Set([...SERVICES, ...FOLDERS].map(({ name }) => name))];

/** A model that is open, as routes ask it. */
export class ServedModel implements Disposable {
  /** Name by which clients ask for it. */
  readonly name: string;
  /** Its folder. */
  readonly folder: string;
  /** Undefined for a folder that is no checkpoint. */
  readonly checkpoint: Albert | undefined;
  /** What it was made for. */
  readonly task: string;
  /** Bytes of its weights. */
  readonly bytes: number;
  readonly loadedAt = new Date();
  private readonly asked: AskedModel | undefined;
  private readonly opened = new Map<string, Promise<TaskService>>();

  private readonly close: () => void;

  private constructor(parts: {
    name: string;
    folder: string;
    task: string;
    checkpoint?: Albert;
    asked?: AskedModel;
    bytes?: number;
    close?: () => void;
  }) {
    this.name = parts.name;
    this.folder = parts.folder;
    this.task = parts.task;
    this.checkpoint = parts.checkpoint;
    this.asked = parts.asked;
    this.bytes = parts.bytes ?? (parts.checkpoint ? bytesOf(parts.checkpoint) : 0);
    this.close = parts.close ?? (() => parts.checkpoint?.[Symbol.dispose]());
  }

  /** Opens a folder, whose passes go through the queue. */
  static async open(
    { name, folder }: { name: string; folder: string },
    {
      queue,
      load,
      dtype,
      bases,
    }: { queue: ForwardQueue; load: NodeLoadOptions; dtype?: Dtype | undefined; bases: SharedBases },
  ): Promise<ServedModel> {
    const lane = queue.lane(name);
    const options = { ...load, wrapForward: lane.wrapForward };
    const kind = FOLDERS.find(({ marker }) => existsSync(join(folder, marker)));
    if (kind) {
      const asked = await (await kind.open())(folder, options);
      return new ServedModel({ name, folder, task: kind.name, asked });
    }
    if (isAdapterFolder(folder)) {
      const { model, isFirst, close } = await bases.open(folder, lane);
      lane.joins = model.checkpoint.quantization?.activations !== 'dynamic';
      const bytes = isFirst ? bytesOf(model) : adapterBytes(model);
      return new ServedModel({ name, folder, task: taskOf(model).name, checkpoint: model, bytes, close });
    }
    const checkpoint = await loadAs(folder, dtype, options);
    lane.joins = checkpoint.checkpoint.quantization?.activations !== 'dynamic';
    return new ServedModel({ name, folder, task: taskOf(checkpoint).name, checkpoint });
  }

  /** What it can be asked, by name; its own task first. */
  get services(): string[] {
    const { checkpoint } = this;
    if (!checkpoint) return [this.task];
    return SERVICES.filter(({ serves }) => serves(checkpoint)).map(({ name }) => name);
  }

  /** One of its services. Throws `unsupported` where it does not have it, `invalid_argument` where nothing has. */
  service(name: string = this.services[0] ?? this.task): Promise<TaskService> {
    if (this.asked?.service && name === this.task) return Promise.resolve(this.asked.service);
    const row = this.checkpoint && SERVICES.find((one) => one.name === name && one.serves(this.checkpoint!));
    if (!row) throw TASK_NAMES.includes(name) ? this.cannot(name) : this.noTask(name);
    let service = this.opened.get(name);
    if (!service) {
      service = row.load().then((create) => create(this.checkpoint!));
      this.opened.set(name, service);
    }
    return service;
  }

  /**
   * The service that has Hugging Face's name for it. Without one, that whose required parameters are all given (such as
   * `candidate_labels`), else the first that has any name there.
   */
  async huggingFace(task?: string, parameters: GivenOptions = {}): Promise<Required<TaskService>> {
    const services = await Promise.all(this.services.map((name) => this.service(name)));
    const named = services.filter((one): one is Required<TaskService> => one.huggingFace !== undefined);
    const needs = ({ huggingFace }: Required<TaskService>): readonly string[] =>
      (huggingFace.parameters['required'] ?? []) as readonly string[];
    const found =
      task === undefined
        ? (named.find((one) => needs(one).length > 0 && needs(one).every((name) => name in parameters)) ?? named[0])
        : named.find(({ huggingFace }) => huggingFace.task === task);
    if (!found) throw this.cannot(task ?? 'inference');
    return found;
  }

  /** Throws `unsupported` where its classifier has another number of outputs. */
  requireOutputs(asked: string, outputs: number): void {
    if (this.network.weights.get('classifier.weight')?.shape[0] !== outputs) throw this.cannot(asked);
  }

  /** Its network. Throws `unsupported` where it is no checkpoint. */
  get network(): Albert {
    if (this.checkpoint) return this.checkpoint;
    throw this.cannot('embed');
  }

  /**
   * Tokens of texts, by which requests are admitted. Very long texts are counted by their beginning; of a folder without
   * a tokeniser characters are counted, which are not fewer.
   */
  async countTokens(texts: Iterable<string>): Promise<number> {
    const pause = createPause();
    let tokens = 0;
    for (const text of texts) {
      await pause();
      const begun = text.slice(0, COUNTED_CHARACTERS);
      const counted = this.checkpoint ? this.checkpoint.tokenizer.encodeIds(begun).length + 2 : begun.length;
      tokens += Math.ceil(counted * Math.max(1, text.length / COUNTED_CHARACTERS));
    }
    return tokens;
  }

  [Symbol.dispose](): void {
    this.close();
    this.asked?.[Symbol.dispose]();
  }

  private cannot(name: string): AlbertineError {
    return new AlbertineError('unsupported', `the model ${this.name} cannot be asked for ${name}`, {
      value: name,
      hint: `It can be asked ${this.able}`,
    });
  }

  private noTask(name: string): AlbertineError {
    const near = nearestName(name, TASK_NAMES);
    return new AlbertineError('invalid_argument', `there is no task ${JSON.stringify(name)}`, {
      value: name,
      hint: near === undefined ? `The model ${this.name} can be asked ${this.able}` : `Did you mean ${near}?`,
    });
  }

  private get able(): string {
    const tasks = this.services.length > 0 ? [`for ${this.services.join(', ')}`] : [];
    // Vectors are no task of /v1/predict.
    return [...tasks, ...(this.checkpoint ? ['for vectors (POST /v1/embed)'] : [])].join(', and ');
  }
}

/** The folder that a model argument means, as it is on disk now; a hub id is downloaded. */
export async function servedFolder(path: string | undefined, load: NodeLoadOptions): Promise<string> {
  if (path !== undefined && FOLDERS.some(({ marker }) => existsSync(join(path, marker)))) return resolve(path);
  return await modelFolder(path, load);
}

/** Of what an adapter has beside its base. */
const adapterBytes = ({ checkpoint }: Albert): number =>
  [...checkpoint.adapter!.extended.weights, ...checkpoint.adapter!.heads].reduce(
    (bytes, [, { data }]) => bytes + data.byteLength,
    0,
  );

/** Without reading those that are read late. */
function bytesOf({ weights, loaded }: Albert): number {
  let numbers = 0;
  for (const { shape } of weights.values()) numbers += shape.reduce((product, size) => product * size, 1);
  return numbers * (loaded.int8 ? 1 : 4);
}
