import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { propertyOf, rgbOf, useThemeChange } from '../parts/colours.ts';
import { useText } from '../text/use-text.ts';
import { colourOfGroup, type Grouping } from './groups.ts';
import type { Points } from './pca.ts';
import { traceShape } from './shapes.ts';
import { isInside, nearest, onCanvas, viewOfAll, zoomed, type Size, type View } from './view.ts';

/** A line of pixels. */
type Line = [x: number, y: number][];

/** What dragging does. */
type Drag = 'lasso' | 'move';

const ZOOM = 1.4;
/** Pixels that an arrow key moves the map, and where to. */
const STEP = 48;
const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [1, 0],
  ArrowRight: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

interface ScatterProps {
  points: Points;
  texts: readonly string[];
  grouping: Grouping | undefined;
  selected: ReadonlySet<number>;
  onSelect: (selected: ReadonlySet<number>) => void;
}

/** Points to zoom into, to move and to draw a lasso around. */
export function Scatter(props: ScatterProps): JSX.Element {
  const t = useText();
  const { points, texts, selected, onSelect } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 640, height: 420 });
  const [given, setView] = useState<View>();
  const [drag, setDrag] = useState<Drag>('lasso');
  const [line, setLine] = useState<Line>([]);
  const [pointed, setPointed] = useState<{ index: number; x: number; y: number }>();
  const view = given ?? viewOfAll(points, size);
  useEffect(() => setView(undefined), [points]);
  useSize(canvas, (next) => {
    setSize(next);
    setView(undefined);
  });
  useDrawing(canvas, { ...props, view, size, line });
  const zoom = (factor: number, at: [number, number] = [size.width / 2, size.height / 2]): void =>
    setView(zoomed(view, factor, at));
  useWheel(canvas, zoom);
  const inView = (): void => {
    const isSeen = ([x, y]: [number, number]): boolean => x >= 0 && y >= 0 && x <= size.width && y <= size.height;
    onSelect(new Set(points.flatMap((point, i) => (isSeen(onCanvas(view, point)) ? [i] : []))));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (move) setView({ ...view, left: view.left + move[0] * STEP, top: view.top + move[1] * STEP });
    else if (event.key === '+' || event.key === '=') zoom(ZOOM);
    else if (event.key === '-') zoom(1 / ZOOM);
    else if (event.key === '0') setView(undefined);
    else if (event.key === 'Enter') inView();
    else return;
    event.preventDefault();
  };
  const position = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const onPointerDown = (event: PointerEvent): void => {
    canvas.current!.setPointerCapture(event.pointerId);
    setLine([position(event)]);
  };
  const onPointerMove = (event: PointerEvent): void => {
    const at = position(event);
    const last = line.at(-1);
    if (!last) {
      const index = nearest(points, view, at);
      setPointed(index === undefined ? undefined : { index, x: at[0], y: at[1] });
    } else if (drag === 'move') {
      setView({ ...view, left: view.left + at[0] - last[0], top: view.top + at[1] - last[1] });
      setLine([at]);
    } else setLine([...line, at]);
  };
  const onPointerUp = (event: PointerEvent): void => {
    const near = nearest(points, view, position(event));
    if (drag === 'lasso' && line.length > 3) {
      const inside = points.flatMap((point, i) => (isInside(onCanvas(view, point), line) ? [i] : []));
      onSelect(new Set(event.shiftKey ? [...selected, ...inside] : inside));
    } else if (drag === 'lasso' && near !== undefined) onSelect(new Set([...(event.shiftKey ? selected : []), near]));
    setLine([]);
  };
  return (
    <div class="scatter">
      <Tools {...{ drag, setDrag, inView, zoom }} onAll={() => setView(undefined)} />
      <div class="plane">
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={t.mapCanvas(points.length)}
          class={drag}
          {...{ onKeyDown, onPointerDown, onPointerMove, onPointerUp }}
          onPointerCancel={() => setLine([])}
          onPointerLeave={() => setPointed(undefined)}
        />
        {pointed && line.length === 0 && (
          <div class="pointed" style={place(pointed, size)}>
            {shortened(texts[pointed.index])}
          </div>
        )}
      </div>
    </div>
  );
}

interface ToolsProps {
  drag: Drag;
  setDrag: (drag: Drag) => void;
  zoom: (factor: number) => void;
  onAll: () => void;
  inView: () => void;
}

function Tools({ drag, setDrag, zoom, onAll, inView }: ToolsProps): JSX.Element {
  const t = useText();
  return (
    <div class="tools">
      <div role="radiogroup" aria-label={t.mapDrag} class="segments">
        {(['lasso', 'move'] as const).map((name) => (
          <label key={name}>
            <input type="radio" name="drag" checked={drag === name} onChange={() => setDrag(name)} />
            <span>{name === 'lasso' ? t.mapLasso : t.mapMove}</span>
          </label>
        ))}
      </div>
      <button type="button" aria-label={t.mapZoomIn} onClick={() => zoom(ZOOM)}>
        +
      </button>
      <button type="button" aria-label={t.mapZoomOut} onClick={() => zoom(1 / ZOOM)}>
        −
      </button>
      <button type="button" onClick={onAll}>
        {t.mapAll}
      </button>
      <button type="button" onClick={inView}>
        {t.mapInView}
      </button>
    </div>
  );
}

/** Beside the pointer, on the side where there is room. */
function place({ x, y }: { x: number; y: number }, { width, height }: Size): Record<string, string> {
  return {
    ...(x > width / 2 ? { right: `${width - x + 10}px` } : { left: `${x + 10}px` }),
    ...(y > height / 2 ? { bottom: `${height - y + 10}px` } : { top: `${y + 10}px` }),
  };
}

const shortened = (text: string): string => (text.length > 160 ? `${text.slice(0, 159)}…` : text);

/** Told the size of an element whenever it has changed and is not hidden. */
function useSize(element: { current: HTMLCanvasElement | null }, onSize: (size: Size) => void): void {
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => {
      const { width, height } = contentRect;
      if (width > 0) onSize({ width, height });
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
}

/** The wheel zooms while the map has the focus, or with Ctrl; else it scrolls the page. */
function useWheel(
  element: { current: HTMLCanvasElement | null },
  onZoom: (factor: number, at: [number, number]) => void,
): void {
  const handler = useRef(onZoom);
  handler.current = onZoom;
  useEffect(() => {
    const canvas = element.current!;
    const turned = (event: WheelEvent): void => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      handler.current(Math.exp(-event.deltaY / 400), [event.clientX - box.left, event.clientY - box.top]);
    };
    // Only one that may be told not to scroll.
    canvas.addEventListener('wheel', turned, { passive: false });
    return () => canvas.removeEventListener('wheel', turned);
  }, []);
}

interface Drawing extends ScatterProps {
  view: View;
  size: Size;
  line: Line;
}

function useDrawing(element: { current: HTMLCanvasElement | null }, drawing: Drawing): void {
  const { points, grouping, selected, view, size, line } = drawing;
  const theme = useThemeChange();
  useEffect(() => {
    const canvas = element.current!;
    const ratio = devicePixelRatio;
    canvas.width = size.width * ratio;
    canvas.height = size.height * ratio;
    const context = canvas.getContext('2d')!;
    context.scale(ratio, ratio);
    drawPoints(context, drawing);
    if (line.length > 1) drawLasso(context, line);
  }, [points, grouping, selected, view.scale, view.left, view.top, size, line, theme]);
}

function drawPoints(context: CanvasRenderingContext2D, { points, grouping, selected, view }: Drawing): void {
  const colours = grouping?.groups.map((group) => colourOfGroup(group, propertyOf)) ?? [];
  const plain = propertyOf('--c1');
  const ink = propertyOf('--ink');
  const radius = points.length > 2000 ? 2.5 : points.length > 300 ? 3.5 : 5;
  // Those selected lie on top of the others, which step back.
  for (const isTop of [false, true])
    points.forEach((point, i) => {
      if (selected.has(i) !== isTop) return;
      const [x, y] = onCanvas(view, point);
      context.globalAlpha = isTop || selected.size === 0 ? 0.85 : 0.3;
      context.fillStyle = grouping ? colours[grouping.of[i]] : plain;
      traceShape(context, grouping?.groups[grouping.of[i]], { x, y, radius: radius + (isTop ? 1 : 0) });
      context.fill();
      if (!isTop) return;
      context.strokeStyle = ink;
      context.lineWidth = 1.5;
      context.stroke();
    });
  context.globalAlpha = 1;
}

function drawLasso(context: CanvasRenderingContext2D, line: Line): void {
  context.beginPath();
  line.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
  context.fillStyle = rgbOf('--c1', 0.12);
  context.strokeStyle = rgbOf('--c1', 1);
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.fill();
  context.stroke();
  context.setLineDash([]);
}
