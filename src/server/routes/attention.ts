import { Type } from '../typebox.ts';
import { AlbertineError } from '../../core/errors.ts';
import type { Albert } from '../../loaded/albert.ts';
import { padPieces } from '../../model/batch.ts';
import type { App } from '../app-type.ts';
import { ask, type ServerParts } from '../asking.ts';

/** Tokens, special ones included, of a text whose attention is asked for: the answer grows with their square. */
export const MOST_ATTENTION_TOKENS = 128;
/** Digits behind the point; a row still adds up to 1 within a hundredth. */
const UNIT = 1e4;

/** `/v1/attention`: where every head of every depth looks. */
export function attentionRoutes(app: App, parts: ServerParts): void {
  const body = Type.Object(
    { model: Type.Optional(Type.String({ description: 'default: the first one' })), text: Type.String() },
    { additionalProperties: false },
  );
  const summary = 'Attention of every depth and head over the tokens of a text';
  app.post('/v1/attention', { schema: { tags: ['albertine'], summary, body } }, async (request, reply) => {
    const { model, text } = request.body;
    return await ask(parts, { request, reply, model, texts: [text] }, async ({ name, network }) => ({
      model: name,
      ...(await attentionOf(network, text)),
      fingerprint: network.fingerprint,
    }));
  });
}

/** A token with its place; special ones have none, their `start` is -1. */
interface AttendedToken {
  token: string;
  start: number;
  end: number;
}

/** `attentions[depth][head][query][key]`, each row of keys adding up to 1. Throws `text_too_long`. */
async function attentionOf(
  { tokenizer, encoder, config, maxLength }: Albert,
  text: string,
): Promise<{ tokens: AttendedToken[]; attentions: number[][][][] }> {
  const { ids, typeIds, tokens, offsets } = tokenizer.encode(text);
  const most = Math.min(MOST_ATTENTION_TOKENS, maxLength);
  if (ids.length > most)
    throw new AlbertineError(
      'text_too_long',
      `the text has ${ids.length} tokens; attention is shown of up to ${most}`,
      {
        value: ids.length,
        hint: 'Send a sentence or two of it',
      },
    );
  const { length } = ids;
  const batch = padPieces([{ ids, typeIds }], { sequenceLength: length, padTokenId: config.padTokenId });
  const { attentions } = await encoder.forward(batch, { attentions: true }); // depths of [1, heads, query, key]
  return {
    tokens: tokens.map((token, i) => ({ token, start: offsets[i][0], end: offsets[i][1] })),
    attentions: attentions.map((depth) =>
      Array.from({ length: config.numAttentionHeads }, (_, head) =>
        Array.from({ length }, (_, query) => {
          const start = (head * length + query) * length;
          return Array.from(depth.subarray(start, start + length), (value) => Math.round(value * UNIT) / UNIT);
        }),
      ),
    ),
  };
}
