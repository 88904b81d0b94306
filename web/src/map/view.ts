import type { Points } from './pca.ts';

/** How the plane lies on the canvas: `pixel = offset + scale * value`, y upwards. */
export interface View {
  scale: number;
  left: number;
  top: number;
}

/** A size in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Pixels left free at the edges. */
const MARGIN = 24;

/** The view that shows every point. */
export function viewOfAll(points: Points, { width, height }: Size): View {
  let [low, high] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  for (const [x, y] of points) {
    low = [Math.min(low[0], x), Math.min(low[1], y)];
    high = [Math.max(high[0], x), Math.max(high[1], y)];
  }
  const scale = Math.min(
    (width - 2 * MARGIN) / Math.max(1e-9, high[0] - low[0]),
    (height - 2 * MARGIN) / Math.max(1e-9, high[1] - low[1]),
  );
  const [x, y] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  return { scale, left: width / 2 - scale * x, top: height / 2 + scale * y };
}

/** Where a point is on the canvas. */
export const onCanvas = ({ scale, left, top }: View, [x, y]: readonly [number, number]): [number, number] => [
  left + scale * x,
  top - scale * y,
];

/** Nearer by a factor, with one pixel staying where it is. */
export const zoomed = ({ scale, left, top }: View, factor: number, [x, y]: readonly [number, number]): View => ({
  scale: scale * factor,
  left: x - (x - left) * factor,
  top: y - (y - top) * factor,
});

/** Whether a pixel is inside a closed line: an odd number of its edges lies to the right. */
export function isInside([x, y]: readonly [number, number], line: readonly (readonly [number, number])[]): boolean {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [[ax, ay], [bx, by]] = [line[i], line[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** The point nearest to a pixel, within some pixels of it. */
export function nearest(
  points: Points,
  view: View,
  [x, y]: readonly [number, number],
  within = 12,
): number | undefined {
  let best: number | undefined;
  let least = within;
  points.forEach((point, i) => {
    const [px, py] = onCanvas(view, point);
    const distance = Math.hypot(px - x, py - y);
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
}
