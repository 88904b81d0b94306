import { defineConfig, type Plugin } from 'vite';
import { CHART_STYLE, DARK_COLOURS, LIGHT_COLOURS } from '../src/training/report/style.ts';

/** Name under which the page imports the colours that reports have too. */
const COLOURS = 'virtual:colours.css';

/** The page looks like the reports: their colours, by the system's preference or by the page's own switch. */
function reportColours(): Plugin {
  const css = `
:root { color-scheme: light; ${LIGHT_COLOURS} }
:root[data-theme='dark'] { color-scheme: dark; ${DARK_COLOURS} }
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) { color-scheme: dark; ${DARK_COLOURS} } }
${CHART_STYLE.replaceAll(/^svg\b/gm, '.chart svg')}
`;
  return {
    name: 'report-colours',
    resolveId: (id) => (id === COLOURS ? `\0${COLOURS}` : undefined),
    load: (id) => (id === `\0${COLOURS}` ? css : undefined),
  };
}

export default defineConfig({
  root: import.meta.dirname,
  // Whatever the page is served under, its files lie beside it.
  base: './',
  plugins: [reportColours()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/playground',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Fonts and pictures as files: the page's policy allows no data: addresses.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
});
