import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { tryParseJson } from '../../../base/index.ts';
import type { CachedAnswer } from '../gateway/answer-cache.ts';
import type { KeptAnswer } from './answer-store.ts';

/** Kept by another version in another form. */
const form = 1;

const origin = {
  deployment: z.string(),
  group: z.string(),
  provider: z.string(),
  model: z.string(),
  usage: z.looseObject({ inputTokens: z.number(), outputTokens: z.number(), costUsd: z.number().nullable() }),
};

const encoded = z.object({
  form: z.literal(form),
  storedMs: z.number(),
  expiresMs: z.number(),
  answer: z.discriminatedUnion('kind', [
    z.object({ ...origin, kind: z.literal('events'), events: z.array(z.looseObject({ type: z.string() })) }),
    z.object({
      ...origin,
      kind: z.literal('bytes'),
      contentType: z.string(),
      text: z.string().optional(),
      base64: z.string().optional(),
    }),
    z.object({ ...origin, kind: z.literal('vectors'), vectors: z.array(z.array(z.number())) }),
  ]),
});

function plainOf(answer: CachedAnswer): object {
  if (answer.kind !== 'bytes') return answer;
  const { body, ...rest } = answer;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return {
    ...rest,
    ...(isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') }),
  };
}

/** An answer as text. */
export function encodeAnswer({ answer, storedMs, expiresMs }: KeptAnswer): string {
  return JSON.stringify({ form, storedMs, expiresMs, answer: plainOf(answer) });
}

/** The answer of such a text; `undefined` for what is none. */
export function decodeAnswer(text: string): KeptAnswer | undefined {
  const { data } = encoded.safeParse(tryParseJson(text));
  if (data === undefined) return undefined;
  const { answer, storedMs, expiresMs } = data;
  if (answer.kind !== 'bytes') return { answer: answer as CachedAnswer, storedMs, expiresMs };
  const { text: plain, base64, ...rest } = answer;
  const body = plain === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(plain);
  return { answer: { ...rest, body } as CachedAnswer, storedMs, expiresMs };
}
