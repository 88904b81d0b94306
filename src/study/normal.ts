/* The normal distribution between bounds, accurate in its tails. */

const SQRT_PI = Math.sqrt(Math.PI);
const LOG_SQRT_2PI = 0.5 * Math.log(2 * Math.PI);
/** From here on the continued fraction converges faster than the series. */
const SERIES_END = 2;
const FRACTION_TERMS = 80;

/** erf by its series, for small arguments. */
function erfSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / SQRT_PI) * sum;
}

/** erfc(z) * exp(z²) for z >= 2, by its continued fraction (Abramowitz and Stegun 7.1.14). */
function scaledErfc(z: number): number {
  let fraction = z;
  for (let k = FRACTION_TERMS; k >= 1; k--) fraction = z + k / 2 / fraction;
  return 1 / (SQRT_PI * fraction);
}

/** Logarithm of the probability that a standard normal is below `x`. */
export function logNormalCdf(x: number): number {
  const z = -x / Math.SQRT2;
  if (z >= SERIES_END) return -z * z + Math.log(scaledErfc(z) / 2);
  if (z <= -SERIES_END) return Math.log1p((-Math.exp(-z * z) * scaledErfc(-z)) / 2);
  return Math.log(0.5 * (1 - erfSeries(z)));
}

/** Logarithm of the probability that a standard normal is between `a` and `b`. */
export function logNormalMass(a: number, b: number): number {
  // Both in the upper tail: mirrored, where nothing cancels.
  if (a > 0) return logNormalMass(-b, -a);
  const upper = logNormalCdf(b);
  if (b <= 0) return upper + Math.log1p(-Math.exp(logNormalCdf(a) - upper));
  return Math.log1p(-Math.exp(logNormalCdf(a)) - Math.exp(logNormalCdf(-b)));
}

/** Logarithm of the density of a standard normal. */
export function logNormalDensity(x: number): number {
  return -0.5 * x * x - LOG_SQRT_2PI;
}
