/** Colours on light ground. */
export const LIGHT_COLOURS = `--ink: #1c2330; --soft: #5c6675; --line: #dfe3ea; --card: #ffffff; --page: #f5f6f8; --shade: 37, 99, 235;
  --c1: #2563eb; --c2: #c2410c; --c3: #047857; --c4: #9333ea; --c5: #b45309; --c6: #0e7490; --warn: #b91c1c;`;

/** Colours on dark ground. */
export const DARK_COLOURS = `--ink: #e6e9ef; --soft: #9aa4b2; --line: #323a47; --card: #1b2029; --page: #12161d; --shade: 96, 165, 250;
  --c1: #6ea8fe; --c2: #fb923c; --c3: #34d399; --c4: #c084fc; --c5: #fbbf24; --c6: #22d3ee; --warn: #f87171;`;

/** Style of the elements that `lineChart` draws. */
export const CHART_STYLE = `svg { width: 100%; height: auto; display: block; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.axis { stroke: var(--soft); } .grid { stroke: var(--line); } .mark { stroke: var(--warn); stroke-dasharray: 3 3; opacity: .7; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke: currentColor; } .curve.faint { stroke-width: 1; opacity: .38; } .curve.dots { stroke-width: 1.5; }
.d1 { stroke-dasharray: 7 4; } .d2 { stroke-dasharray: 2 3; }
.dot { fill: currentColor; }
.c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); }
.hit rect { fill: transparent; } .hit line { stroke: var(--soft); } .hit text { fill: var(--ink); } .hit text.tip { fill: currentColor; paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.hit line, .hit circle, .hit text { opacity: 0; pointer-events: none; } .hit:hover line, .hit:hover circle, .hit:hover text { opacity: 1; }`;

/** Style sheet of a report; colours follow the reader's light or dark preference. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; ${LIGHT_COLOURS} }
@media (prefers-color-scheme: dark) { :root { ${DARK_COLOURS} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
main { max-width: 1400px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 10px; }
header p { margin: 4px 0 18px; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 12px; margin-bottom: 16px; }
.tile, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; white-space: nowrap; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 16px; margin-bottom: 16px; align-items: start; }
section { min-width: 0; } section.large { grid-column: 1 / -1; } section.large svg { max-height: 440px; }
summary { cursor: pointer; color: var(--soft); } details .bars { margin-top: 6px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); margin-bottom: 4px; }
.legend i { display: inline-block; width: 18px; height: 3px; border-radius: 2px; vertical-align: middle; margin-right: 6px; background: currentColor; }
.caption { color: var(--soft); font-size: 12.5px; margin: 4px 0 0; }
${CHART_STYLE}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 4px 10px; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; } tbody th { vertical-align: top; } th.number { white-space: nowrap; } th.number.head { white-space: normal; } td.number, th.number { text-align: right; } tbody th { color: var(--ink); }
table.wide { width: 100%; } table.wide td { overflow-wrap: anywhere; }
td.number, td.name { white-space: nowrap; }
td.cell { text-align: right; min-width: 44px; } table.matrix { font-size: 13px; } table.matrix th, table.matrix td { padding: 4px 6px; }
th.head { max-width: 160px; overflow-wrap: break-word; }
.bars { display: grid; grid-template-columns: minmax(60px, max-content) 1fr max-content; gap: 4px 12px; align-items: center; font-size: 14px; }
.bars div { height: 14px; border-radius: 3px; background: var(--c1); min-width: 2px; }
h3 { font-size: 14px; margin: 12px 0 6px; color: var(--soft); }
pre { margin: 0 0 12px; padding: 10px 12px; background: var(--page); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
.warn { color: var(--warn); }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
`;

/** What a page that compares runs has besides. */
export const COMPARISON_STYLE = `
header { margin-bottom: 14px; } main > section { margin-bottom: 16px; }
.sortable th, .sortable td { white-space: nowrap; }
.sticky tr > :first-child { position: sticky; left: 0; background: var(--card); white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
th button:hover, th button:focus-visible { color: var(--ink); text-decoration: underline; }
th[aria-sort="ascending"] button::after { content: " \\2191"; } th[aria-sort="descending"] button::after { content: " \\2193"; }
td.setting { min-width: 100px; max-width: 260px; overflow-wrap: anywhere; }
.plot { padding-right: 18px; }
.key { display: inline-block; width: 22px; height: 10px; margin-right: 6px; overflow: visible; vertical-align: middle; }
.legend { row-gap: 4px; overflow-wrap: anywhere; }
details > summary { margin-bottom: 12px; font-weight: 600; }
@media (max-width: 600px) { main { padding: 16px 10px 40px; } section { padding: 12px 10px; } .plot svg { min-width: 480px; } .plot svg text { font-size: 15px; }
  .sticky tr > :first-child { max-width: 42vw; overflow: hidden; text-overflow: ellipsis; } }
`;
