import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { rgbOf, useThemeChange } from './colours.ts';
import { tint } from './marked.tsx';

/** Pixels of one head in the picture of all, and between two. */
const SQUARE = 64;
const GAP = 6;
/** Tokens up to which a matrix is drawn with its words. */
const NAMED = 48;

/** Every head as a small square; a click chooses one. The sliders beside it do the same for keys and screen readers. */
export function HeadGrid({
  attentions,
  chosen: [depth, head],
  onChoose,
}: {
  attentions: readonly (readonly number[][])[][];
  chosen: readonly [number, number];
  onChoose: (chosen: [number, number]) => void;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useThemeChange();
  const heads = attentions[0].length;
  const [width, height] = [heads, attentions.length].map((count) => count * (SQUARE + GAP) - GAP + 8);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, width, height);
    attentions.forEach((row, y) =>
      row.forEach((matrix, x) => {
        const [left, top] = [4 + x * (SQUARE + GAP), 4 + y * (SQUARE + GAP)];
        drawMatrix(context, matrix, { left, top, size: SQUARE });
        context.strokeStyle = rgbOf(x === head && y === depth ? '--ink' : '--line', 1);
        context.lineWidth = x === head && y === depth ? 4 : 1;
        context.strokeRect(left - 1, top - 1, SQUARE + 2, SQUARE + 2);
      }),
    );
  }, [attentions, depth, head, theme]);
  return (
    <canvas
      ref={canvas}
      class="heads"
      aria-hidden="true"
      {...{ width, height }}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const at = (position: number, size: number, count: number): number =>
          Math.min(count - 1, Math.max(0, Math.floor((position / size) * count)));
        onChoose([
          at(event.clientY - box.top, box.height, attentions.length),
          at(event.clientX - box.left, box.width, heads),
        ]);
      }}
    />
  );
}

function drawMatrix(
  context: CanvasRenderingContext2D,
  matrix: readonly (readonly number[])[],
  { left, top, size }: { left: number; top: number; size: number },
): void {
  const cell = size / matrix.length;
  matrix.forEach((row, query) =>
    row.forEach((share, key) => {
      if (share < 0.005) return;
      context.fillStyle = rgbOf('--c1', Math.sqrt(share));
      context.fillRect(left + key * cell, top + query * cell, cell + 0.3, cell + 0.3);
    }),
  );
}

/** One head: a table with its words, or of long texts a picture. */
export function HeadMatrix({
  names,
  matrix,
  label,
}: {
  names: readonly string[];
  matrix: readonly (readonly number[])[];
  label: string;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useThemeChange();
  const isNamed = names.length <= NAMED;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, 768, 768);
    drawMatrix(context, matrix, { left: 0, top: 0, size: 768 });
  }, [matrix, theme]);
  if (!isNamed) return <canvas ref={canvas} class="matrix" width={768} height={768} role="img" aria-label={label} />;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="heat small" aria-label={label}>
        <thead>
          <tr>
            <td />
            {names.map((name, i) => (
              <th key={i} scope="col">
                <span class="upright">{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, query) => (
            <tr key={query}>
              <th scope="row">{names[query]}</th>
              {row.map((share, key) => (
                <td
                  key={key}
                  style={{ backgroundColor: tint(1, 2 * Math.sqrt(share)) }}
                  title={`${names[query]} → ${names[key]}: ${share.toFixed(3)}`}
                >
                  <span class="unseen">{share.toFixed(2)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
