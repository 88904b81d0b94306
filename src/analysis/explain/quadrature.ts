/** Points in [0, 1] with weights that add up to 1. */
export interface Quadrature {
  points: Float64Array;
  weights: Float64Array;
}

/**
 * Gauss-Legendre quadrature on [0, 1]: exact for polynomials up to degree `2 * count - 1`. Roots of the Legendre
 * polynomial by Newton's method.
 */
export function gaussLegendre(count: number): Quadrature {
  const points = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let round = 0; round < 100; round++) {
      let [last, value] = [1, x]; // Legendre polynomials of degree n - 1 and n at x.
      for (let n = 2; n <= count; n++) [last, value] = [value, ((2 * n - 1) * x * value - (n - 1) * last) / n];
      slope = (count * (x * value - last)) / (x * x - 1);
      const step = value / slope;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    points[i] = (1 - x) / 2;
    weights[i] = 1 / ((1 - x * x) * slope * slope);
  }
  return { points, weights };
}
