import { AlbertineError } from '../core/errors.ts';
import type { ParameterSpec, Weights } from '../model/parameters.ts';
import { allocateWasmMemory, type WasmMemory } from './optimizers/wasm.ts';
import { matchesAny, matchesPattern, requireMatches, type ParameterPattern } from './parameter-patterns.ts';

/** What an arena stores for every trainable parameter, in the order in which the buffers are allocated. */
export const ARENA_KINDS = ['values', 'gradients', 'firstMoment', 'secondMoment'] as const;
export type ArenaKind = (typeof ARENA_KINDS)[number];

/**
 * Names that weight decay and LAMB's layer adaptation leave alone, as in ALBERT's released `optimization.py`; the
 * transitions of a CRF, which are biases of tags beside each other.
 */
export const DEFAULT_NO_DECAY: readonly ParameterPattern[] = [/LayerNorm/, /layer_norm/, /bias$/, /^crf\./];

/** Floats in 16 bytes: every slice starts on such a boundary, which is what SIMD loads want. */
const ALIGNMENT = 4;

/** Where one trainable parameter lies in every buffer of the arena. */
export interface ArenaSlot extends ParameterSpec {
  /** First element, a multiple of 4. */
  offset: number;
  /** Elements of the parameter. */
  length: number;
  /** End of the slice including its padding (at most three elements, always zero). */
  paddedEnd: number;
  /** Whether weight decay (and LAMB's layer adaptation) applies. */
  decay: boolean;
  /** Factor on the learning rate. */
  learningRateScale: number;
}

/** Consecutive slots that an element-wise optimiser may treat as one array. */
export interface ArenaRange {
  /** First element. */
  start: number;
  /** One past the last element, padding included. */
  end: number;
  /** Whether weight decay applies. */
  decay: boolean;
  /** Factor on the learning rate. */
  learningRateScale: number;
}

/** Options of {@link createArena}. */
export interface ArenaOptions {
  /** Parameters that are not trained: they have values but no gradient, no moments and no slot. */
  frozen?: readonly ParameterPattern[];
  /** Parameters without weight decay. Default {@link DEFAULT_NO_DECAY}. */
  noDecay?: readonly ParameterPattern[];
  /** Factors on the learning rate; where several patterns match, the last one counts. Default 1. */
  learningRateScales?: readonly (readonly [pattern: ParameterPattern, scale: number])[];
}

/** Flat storage of parameters, gradients and moments; see {@link createArena}. */
export interface Arena {
  /** Trainable parameters in storage order: decayed ones first. */
  readonly slots: readonly ArenaSlot[];
  /** The slots merged into as few ranges as possible. */
  readonly ranges: readonly ArenaRange[];
  /** Parameters excluded from training. */
  readonly frozen: readonly ParameterSpec[];
  /** Elements per kind, padding included. */
  readonly length: number;
  /** Kinds that were allocated. */
  readonly kinds: readonly ArenaKind[];
  /** The memory behind the buffers when WASM kernels may work on it; absent when it could not be had. */
  readonly memory: WasmMemory | undefined;
  /** Bytes held by all buffers, frozen values included. */
  readonly byteLength: number;
  /** The whole buffer of one kind. Throws `invalid_argument` when the kind was not allocated. */
  buffer(kind: ArenaKind): Float32Array;
  /**
   * One parameter's slice without padding, row-major as `spec.shape` says; it stays valid for the arena's life.
   * Frozen parameters have `values` only. Throws `invalid_argument` for an unknown name.
   */
  view(name: string, kind: ArenaKind): Float32Array;
  /**
   * Copies weights into the values. Throws `weights_mismatch` listing missing or misshapen ones; further ones are
   * ignored.
   */
  load(weights: Weights): void;
  /** Copies of all values, frozen ones included, in the order of the specs. */
  weights(): Weights;
  /** Sets all gradients to zero. */
  zeroGradients(): void;
}

/**
 * Allocates zeroed flat storage for `specs`: one buffer per kind, the first `buffers` of {@link ARENA_KINDS} (2 for
 * plain SGD, 3 with momentum, 4 for AdamW and LAMB). Each parameter's slice starts on a 16-byte boundary; decayed
 * parameters are stored before the others so that an element-wise optimiser runs over few, long ranges. All buffers lie
 * in one `WebAssembly.Memory` where that is available and large enough (4 GiB at most), so that the optimiser kernels
 * work in place; they can be fed to ONNX Runtime like any other array. Throws `invalid_argument` for duplicate names, a
 * pattern that selects nothing, or nothing left to train.
 */
export function createArena(specs: readonly ParameterSpec[], buffers: number, options: ArenaOptions = {}): Arena {
  if (!Number.isInteger(buffers) || buffers < 2 || buffers > ARENA_KINDS.length) {
    throw new AlbertineError('invalid_argument', `buffers must be 2, 3 or 4, got ${buffers}`, { value: buffers });
  }
  const names = specs.map(({ name }) => name);
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined)
    throw new AlbertineError('invalid_argument', `two parameters are named ${duplicate}`, { value: duplicate });
  requireMatches('frozen', options.frozen ?? [], names);
  requireMatches(
    'learningRateScales',
    (options.learningRateScales ?? []).map(([pattern]) => pattern),
    names,
  );
  const frozen = specs.filter(({ name }) => matchesAny(name, options.frozen ?? []));
  const slots = layOut(
    specs.filter((spec) => !frozen.includes(spec)),
    options,
  );
  if (slots.length === 0)
    throw new AlbertineError('invalid_argument', 'no parameter is left to train', { hint: 'Freeze fewer parameters' });
  return new FlatArena([...specs], slots, frozen, ARENA_KINDS.slice(0, buffers));
}

/**
 * Learning-rate factors that fall with the distance from the output (ELECTRA, Clark et al. 2020): 1 for heads and
 * pooler, `decay` for the last layer group, one more factor for each group below it and for the embeddings. ALBERT's
 * depths share weights, so there is one factor per group, not per depth. `mapping`: whether the network has ALBERT's
 * mapping from narrower embeddings. Default true.
 */
export function layerwiseScales(
  numHiddenGroups: number,
  decay: number,
  { mapping = true }: { mapping?: boolean } = {},
): [pattern: string, scale: number][] {
  if (!(decay > 0 && decay <= 1))
    throw new AlbertineError('invalid_argument', `layer-wise decay must be in (0, 1], got ${decay}`, { value: decay });
  const groups = Array.from({ length: numHiddenGroups }, (_, group): [string, number] => [
    `albert.encoder.albert_layer_groups.${group}`,
    decay ** (numHiddenGroups - group),
  ]);
  const bottom = decay ** (numHiddenGroups + 1);
  return [
    ['albert.embeddings', bottom],
    ...(mapping ? [['albert.encoder.embedding_hidden_mapping_in', bottom] as [string, number]] : []),
    ...groups,
  ];
}

function layOut(specs: readonly ParameterSpec[], options: ArenaOptions): ArenaSlot[] {
  const described = specs.map((spec) => ({
    ...spec,
    decay: !matchesAny(spec.name, options.noDecay ?? DEFAULT_NO_DECAY),
    learningRateScale: scaleOf(spec.name, options),
  }));
  // Array.prototype.sort is stable: within a group parameters keep the order of the specs.
  described.sort((a, b) => Number(b.decay) - Number(a.decay) || b.learningRateScale - a.learningRateScale);
  let offset = 0;
  return described.map((slot) => {
    const length = elements(slot);
    const placed = { ...slot, offset, length, paddedEnd: offset + align(length) };
    offset = placed.paddedEnd;
    return placed;
  });
}

function scaleOf(name: string, { learningRateScales = [] }: ArenaOptions): number {
  const scale = learningRateScales.findLast(([pattern]) => matchesPattern(name, pattern))?.[1] ?? 1;
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw new AlbertineError('invalid_argument', `learning-rate scale of ${name} must be a number >= 0, got ${scale}`, {
      value: scale,
    });
  }
  return scale;
}

function mergeRanges(slots: readonly ArenaSlot[]): ArenaRange[] {
  const ranges: ArenaRange[] = [];
  for (const { offset, paddedEnd, decay, learningRateScale } of slots) {
    const last = ranges.at(-1);
    if (last && last.decay === decay && last.learningRateScale === learningRateScale) last.end = paddedEnd;
    else ranges.push({ start: offset, end: paddedEnd, decay, learningRateScale });
  }
  return ranges;
}

const align = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const elements = ({ shape }: ParameterSpec): number => shape.reduce((product, size) => product * size, 1);

class FlatArena implements Arena {
  readonly slots: readonly ArenaSlot[];
  readonly ranges: readonly ArenaRange[];
  readonly frozen: readonly ParameterSpec[];
  readonly length: number;
  readonly kinds: readonly ArenaKind[];
  readonly memory: WasmMemory | undefined;
  private readonly specs: readonly ParameterSpec[];
  private readonly buffers = new Map<ArenaKind, Float32Array>();
  private readonly slotByName = new Map<string, ArenaSlot>();
  private readonly frozenValues = new Map<string, Float32Array>();

  constructor(
    specs: readonly ParameterSpec[],
    slots: readonly ArenaSlot[],
    frozen: readonly ParameterSpec[],
    kinds: readonly ArenaKind[],
  ) {
    this.specs = specs;
    this.slots = slots;
    this.frozen = frozen;
    this.kinds = kinds;
    this.ranges = mergeRanges(slots);
    this.length = slots.at(-1)!.paddedEnd;
    this.memory = allocateWasmMemory(kinds.length * this.length * Float32Array.BYTES_PER_ELEMENT);
    kinds.forEach((kind, index) => {
      const { memory, length } = this;
      this.buffers.set(
        kind,
        memory
          ? new Float32Array(memory.buffer, index * length * Float32Array.BYTES_PER_ELEMENT, length)
          : new Float32Array(length),
      );
    });
    for (const slot of slots) this.slotByName.set(slot.name, slot);
    for (const spec of frozen) this.frozenValues.set(spec.name, new Float32Array(elements(spec)));
  }

  get byteLength(): number {
    const frozen = [...this.frozenValues.values()].reduce((total, { byteLength }) => total + byteLength, 0);
    return this.kinds.length * this.length * Float32Array.BYTES_PER_ELEMENT + frozen;
  }

  buffer(kind: ArenaKind): Float32Array {
    const buffer = this.buffers.get(kind);
    if (!buffer)
      throw new AlbertineError('invalid_argument', `the arena has no buffer for ${kind}`, {
        value: kind,
        hint: `It was created with ${this.kinds.length} buffers`,
      });
    return buffer;
  }

  view(name: string, kind: ArenaKind): Float32Array {
    const slot = this.slotByName.get(name);
    if (slot) return this.buffer(kind).subarray(slot.offset, slot.offset + slot.length);
    const frozen = this.frozenValues.get(name);
    if (frozen && kind === 'values') return frozen;
    throw new AlbertineError(
      'invalid_argument',
      frozen ? `frozen parameter ${name} has no ${kind}` : `no parameter is named ${name}`,
      { value: name },
    );
  }

  load(weights: Weights): void {
    const problems = this.specs.flatMap(({ name, shape }) => {
      const weight = weights.get(name);
      if (!weight) return [`${name} is missing`];
      return weight.shape.join() === shape.join() ? [] : [`${name} has shape [${weight.shape}] instead of [${shape}]`];
    });
    if (problems.length > 0)
      throw new AlbertineError('weights_mismatch', `weights do not fit the parameters: ${problems.join('; ')}`, {
        value: problems,
      });
    for (const { name } of this.specs) this.view(name, 'values').set(weights.get(name)!.data);
  }

  weights(): Weights {
    return new Map(
      this.specs.map(({ name, shape }) => [name, { shape: [...shape], data: this.view(name, 'values').slice() }]),
    );
  }

  zeroGradients(): void {
    this.buffer('gradients').fill(0);
  }
}
