import { symmetricEigen } from '../../core/symmetric-eigen.ts';
import { normalizeVector } from '../../model/pooling.ts';

/** How a teacher's vectors become what a student is to make. */
export interface TargetMap {
  /** Numbers of a teacher's vector. */
  teacherWidth: number;
  /** Numbers of a target. */
  width: number;
  /**
   * Subtracted from the teacher's vector, which is first scaled to length 1 for the loss `cosine`; zeros where nothing
   * is centred.
   */
  mean: Float32Array;
  /**
   * Row-major `[width, teacherWidth]`, orthonormal: the main directions. Absent where widths agree, or targets are
   * filled up with zeros.
   */
  directions?: Float32Array;
  /** Factor on the result, 1 for the loss `cosine`. */
  scale: number;
  /** Whether teachers' vectors are scaled to length 1 first. */
  unit: boolean;
  /** Share of the variance (of the sample) that the directions keep. */
  keptVariance: number;
  /** Vectors it was made from. */
  sampled: number;
}

/** Options of {@link fitTargetMap}. */
export interface TargetMapOptions {
  /** Numbers of a teacher's vector. */
  teacherWidth: number;
  /** Numbers of a target: fewer than the teacher's are its main directions, more are filled up with zeros. */
  width: number;
  /** Subtracts the mean. */
  centre: boolean;
  /** Whether directions alone count; see {@link TargetMap.unit}. */
  unit: boolean;
}

/**
 * Finds mean and main directions (principal components) of a sample of teachers' vectors `[rows, teacherWidth]`, in
 * float64. For losses that look at lengths too, `scale` makes the targets' root mean square 1, near to which the
 * vectors of an untrained network lie; cosines do not change by it.
 */
export function fitTargetMap(sample: Float32Array, options: TargetMapOptions): TargetMap {
  const { teacherWidth, width, centre, unit } = options;
  const rows = sample.length / teacherWidth;
  const scaled = unit ? toUnitRows(sample, teacherWidth) : sample;
  const mean = centre ? columnMeans(scaled, teacherWidth) : new Float32Array(teacherWidth);
  const base: TargetMap = {
    teacherWidth,
    width,
    mean,
    scale: 1,
    unit,
    keptVariance: 1,
    sampled: rows,
    ...(width < teacherWidth && mainDirections(scaled, { mean, teacherWidth, width })),
  };
  if (unit) return base;
  const targets = new Float32Array(width);
  let squares = 0;
  for (let row = 0; row < rows; row++) {
    mapVector(base, sample.subarray(row * teacherWidth, (row + 1) * teacherWidth), targets);
    for (const value of targets) squares += value * value;
  }
  return squares > 0 ? { ...base, scale: Math.sqrt((rows * width) / squares) } : base;
}

/**
 * Writes the target of a teacher's vector into `into`, `width` long; with `unit` it has length 1, unless it is a zero
 * vector.
 */
export function mapVector(
  { teacherWidth, width, mean, directions, scale, unit }: TargetMap,
  vector: Float32Array,
  into: Float32Array,
): void {
  const factor = unit ? 1 / (lengthOf(vector) || 1) : 1;
  if (directions) {
    for (let row = 0; row < width; row++) {
      let sum = 0;
      for (let i = 0, at = row * teacherWidth; i < teacherWidth; i++, at++)
        sum += directions[at] * (vector[i] * factor - mean[i]);
      into[row] = sum * scale;
    }
  } else {
    into.fill(0);
    for (let i = 0; i < teacherWidth; i++) into[i] = (vector[i] * factor - mean[i]) * scale;
  }
  if (unit) normalizeVector(into);
}

function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

function toUnitRows(rows: Float32Array, width: number): Float32Array {
  const out = rows.slice();
  for (let start = 0; start < out.length; start += width) normalizeVector(out.subarray(start, start + width));
  return out;
}

function columnMeans(rows: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width);
  for (let start = 0; start < rows.length; start += width) for (let i = 0; i < width; i++) sums[i] += rows[start + i];
  return Float32Array.from(sums, (sum) => sum / (rows.length / width));
}

function mainDirections(
  rows: Float32Array,
  { mean, teacherWidth: n, width }: { mean: Float32Array; teacherWidth: number; width: number },
): Pick<TargetMap, 'directions' | 'keptVariance'> {
  const products = new Float64Array(n * n);
  const centred = new Float64Array(n);
  for (let start = 0; start < rows.length; start += n) {
    for (let i = 0; i < n; i++) centred[i] = rows[start + i] - mean[i];
    for (let i = 0; i < n; i++) {
      const value = centred[i];
      for (let j = i, at = i * n + i; j < n; j++, at++) products[at] += value * centred[j];
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) products[i * n + j] = products[j * n + i];
  const { values, vectors } = symmetricEigen(products, n);
  const sum = (some: Float64Array): number => some.reduce((total, value) => total + Math.max(0, value), 0);
  const total = sum(values);
  return {
    directions: Float32Array.from(vectors.subarray(0, width * n)),
    keptVariance: total > 0 ? sum(values.subarray(0, width)) / total : 1,
  };
}
