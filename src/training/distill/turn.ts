import { symmetricEigen } from '../../core/symmetric-eigen.ts';
import { cosine } from '../../metrics/similarity.ts';
import type { TargetMap } from './target-map.ts';

/** Singular values below this share of the largest are of directions that no target has. */
const SMALLEST = 1e-6;

/** Mean cosines of vectors to their targets. */
export interface Turned {
  map: TargetMap;
  before: number;
  after: number;
}

/**
 * Turns targets so that they lie as near as can be to the vectors that a student makes already (orthogonal Procrustes;
 * Schönemann 1966): similarities among targets stay what they are, and the student has less to unlearn. `made` and
 * `wanted` are `[rows, width]`, the student's vectors and the targets of the same texts, of length 1.
 */
export function turnTargets(map: TargetMap, made: Float32Array, wanted: Float32Array): Turned {
  const { width, teacherWidth } = map;
  const rotation = nearestRotation(products(wanted, made, width), width);
  const turned = new Float32Array(width * teacherWidth);
  for (let to = 0; to < width; to++) {
    for (let from = 0; from < width; from++) {
      const factor = rotation[from * width + to];
      if (map.directions)
        for (let i = 0; i < teacherWidth; i++)
          turned[to * teacherWidth + i] += factor * map.directions[from * teacherWidth + i];
      else if (from < teacherWidth) turned[to * teacherWidth + from] = factor;
    }
  }
  const rotated = new Float32Array(wanted.length);
  for (let start = 0; start < wanted.length; start += width) {
    for (let from = 0; from < width; from++)
      for (let to = 0; to < width; to++) rotated[start + to] += wanted[start + from] * rotation[from * width + to];
  }
  return {
    map: { ...map, directions: turned },
    before: meanCosine(made, wanted, width),
    after: meanCosine(made, rotated, width),
  };
}

/** `a` transposed times `b`: `[width, width]`. */
function products(a: Float32Array, b: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width * width);
  for (let start = 0; start < a.length; start += width) {
    for (let i = 0; i < width; i++) {
      const value = a[start + i];
      for (let j = 0; j < width; j++) sums[i * width + j] += value * b[start + j];
    }
  }
  return sums;
}

/** `U V'` of the singular value decomposition `U S V'` of `m`: `m (m' m)^(-1/2)`. */
export function nearestRotation(m: Float64Array, width: number): Float64Array {
  const square = new Float64Array(width * width);
  for (let k = 0; k < width; k++)
    for (let i = 0; i < width; i++)
      for (let j = 0; j < width; j++) square[i * width + j] += m[k * width + i] * m[k * width + j];
  const { values, vectors } = symmetricEigen(square, width);
  const rotation = new Float64Array(width * width);
  const image = new Float64Array(width);
  for (let axis = 0; axis < width; axis++) {
    const singular = Math.sqrt(Math.max(0, values[axis]));
    if (singular <= SMALLEST * Math.sqrt(Math.max(0, values[0]))) continue;
    const right = vectors.subarray(axis * width, (axis + 1) * width);
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += m[i * width + j] * right[j];
      image[i] = sum / singular;
    }
    for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) rotation[i * width + j] += image[i] * right[j];
  }
  return rotation;
}

function meanCosine(a: Float32Array, b: Float32Array, width: number): number {
  let sum = 0;
  for (let start = 0; start < a.length; start += width)
    sum += cosine(a.subarray(start, start + width), b.subarray(start, start + width));
  return sum / (a.length / width);
}
