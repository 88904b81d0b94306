import type { Group } from './groups.ts';

/** A shape by its corners in a square from -1 to 1; undefined is a circle. */
type Shape = readonly (readonly [x: number, y: number])[] | undefined;

/** So that groups differ by more than their colour; in the order of the colours, beginning with that of no colour. */
const SHAPES: readonly Shape[] = [
  undefined,
  undefined,
  [
    [-0.85, -0.85],
    [0.85, -0.85],
    [0.85, 0.85],
    [-0.85, 0.85],
  ], // square
  [
    [0, -1],
    [1, 0.85],
    [-1, 0.85],
  ], // triangle
  [
    [0, -1],
    [1, 0],
    [0, 1],
    [-1, 0],
  ], // diamond
  [
    [-1, -0.85],
    [1, -0.85],
    [0, 1],
  ], // triangle downwards
  [
    [-0.35, -1],
    [0.35, -1],
    [0.35, -0.35],
    [1, -0.35],
    [1, 0.35],
    [0.35, 0.35],
    [0.35, 1],
    [-0.35, 1],
    [-0.35, 0.35],
    [-1, 0.35],
    [-1, -0.35],
    [-0.35, -0.35],
  ], // plus
];

/** On a scale of numbers all are circles. */
const shapeOf = (group: Group | undefined): Shape =>
  group === undefined || group.place !== undefined ? undefined : SHAPES[group.colour];

/** Begins a path around a point: the shape of a group, as large to the eye as a circle of the radius. */
export function traceShape(
  context: CanvasRenderingContext2D,
  group: Group | undefined,
  { x, y, radius }: { x: number; y: number; radius: number },
): void {
  const shape = shapeOf(group);
  context.beginPath();
  if (!shape) return context.arc(x, y, radius, 0, 2 * Math.PI);
  const size = radius * 1.2;
  for (const [dx, dy] of shape) context.lineTo(x + size * dx, y + size * dy);
  context.closePath();
}

/** The same shape for an element's style. */
export function clipOfShape(group: Group): { clipPath: string } {
  const shape = shapeOf(group);
  if (!shape) return { clipPath: 'circle()' };
  const corners = shape.map(([x, y]) => `${50 + 50 * x}% ${50 + 50 * y}%`);
  return { clipPath: `polygon(${corners.join(', ')})` };
}
