import type { JSX } from 'preact';
import { useText } from '../text/use-text.ts';
import { readable } from './common.tsx';
import { tint } from './marked.tsx';

/** Tokens of two texts with the cosines between them, as `/v1/score` gives them. */
export interface Alignment {
  precision: number;
  recall: number;
  f1: number;
  candidate: { token: string }[];
  reference: { token: string }[];
  /** `[candidate][reference]`. */
  similarities: number[][];
}

/** Tokens of each text that are drawn; a table of more is slow, and nobody reads it. */
const MOST = 60;

/** The cosines of every token with every other; the best of each row is outlined. */
export function HeatTable({
  alignment: { candidate, reference, similarities },
}: {
  alignment: Alignment;
}): JSX.Element {
  const t = useText();
  const rows = similarities.slice(0, MOST);
  const columns = reference.slice(0, MOST);
  const cut = candidate.length > MOST || reference.length > MOST;
  return (
    <figure>
      <div class="scroll" tabIndex={0} role="region" aria-label={t.compareHeat}>
        <table class="heat" aria-label={t.compareHeat}>
          <thead>
            <tr>
              <td />
              {columns.map(({ token }, i) => (
                <th key={i} scope="col">
                  {readable(token)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => {
              const best = row.indexOf(Math.max(...row));
              return (
                <tr key={i}>
                  <th scope="row">{readable(candidate[i].token)}</th>
                  {row.slice(0, MOST).map((cosine, j) => (
                    <td key={j} class={j === best ? 'best' : undefined} style={{ backgroundColor: tint(1, cosine) }}>
                      {cosine.toFixed(2)}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <figcaption class="note">
        {t.compareHeatHow}
        {cut && ` ${t.compareCut(MOST)}`}
      </figcaption>
    </figure>
  );
}
