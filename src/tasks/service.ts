import type { Albert } from '../loaded/albert.ts';
import type { TextCounts } from './task.ts';
import type { GivenOptions } from './verbs.ts';

/** JSON Schema of a value. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What one input was answered. */
export interface ServedAnswer {
  /** As a line of `predict` has it. */
  record: Record<string, unknown>;
  /** What happened to the text. */
  counts: TextCounts;
}

/** How Hugging Face's inference API asks a task, and how it is answered there. */
export interface HuggingFaceForm {
  /** Its name there, such as `text-classification`. */
  readonly task: string;
  /** Of `inputs`. */
  readonly inputs: JsonSchema;
  /** Of `parameters`. */
  readonly parameters: JsonSchema;
  /** What is asked. Throws `invalid_argument` for what the task does not take. */
  ask(inputs: unknown, parameters: GivenOptions): { inputs: readonly unknown[]; options: GivenOptions };
  /** The whole response; `answers` has one for each of the inputs that {@link HuggingFaceForm.ask} made. */
  respond(answers: readonly ServedAnswer[], asked: { inputs: unknown; parameters: GivenOptions }): unknown;
}

/** A model as a server asks it. */
export interface TaskService {
  /**
   * Answers in the order of the inputs. Throws `invalid_argument` for inputs and options that the task does not have,
   * and what the task itself throws.
   */
  answer(inputs: readonly unknown[], options: GivenOptions): Promise<ServedAnswer[]>;
  readonly huggingFace?: HuggingFaceForm;
}

/** A row of `services.ts`: what can be asked of some models, and where its code is. */
export interface ServiceManual {
  readonly name: string;
  /** Of one input, for people and their tools; the task itself says what is wrong with one. */
  readonly input: JsonSchema;
  /** Of the options. */
  readonly options: JsonSchema;
  /** Whether a model can be asked this. */
  serves(model: Albert): boolean;
  /** Loads the code. */
  load(): Promise<(model: Albert) => TaskService>;
}

/** Of an object that has these and no other keys. */
export const objectSchema = (properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
  additionalProperties: false,
});

/** Of a text. */
export const TEXT: JsonSchema = { type: 'string' };
/** Of a count. */
export const COUNT: JsonSchema = { type: 'integer', minimum: 1 };
/** Of the options that every task with a head has. */
export const ASK_SCHEMA: Record<string, JsonSchema> = {
  longText: { enum: ['window', 'truncate', 'error'] },
  maxLength: COUNT,
};
