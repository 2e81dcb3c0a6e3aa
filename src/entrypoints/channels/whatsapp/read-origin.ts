import { z } from 'zod';
import { visibleLine, type JsonObject } from '../../../base/index.ts';
import { forwardedInWords } from '../card-words.ts';
import type { WhatsAppContent } from './read-content.ts';
import { lenient } from './whatsapp-update.ts';

const longestPart = 500;

const text = lenient(z.string());
const origin = z.object({
  referral: lenient(z.object({ headline: text, body: text, source_url: text })),
  context: lenient(
    z.object({
      forwarded: z.unknown().optional(),
      frequently_forwarded: z.unknown().optional(),
      referred_product: lenient(z.object({ product_retailer_id: text, catalog_id: text })),
    }),
  ),
});

/**
 * What a message says, and below it the advertisement or the product that it comes from: "how much is this?" says
 * nothing without. What somebody else wrote and the sender passes on is no command.
 */
export function withOrigin(content: WhatsAppContent, message: JsonObject): WhatsAppContent {
  const { kind, text: words } = content;
  const parsed = origin.safeParse(message);
  const { referral, context } = parsed.data ?? {};
  const isForwarded = context?.forwarded === true || context?.frequently_forwarded === true;
  if (isForwarded && words !== '' && (kind === 'message' || kind === 'command'))
    return { ...content, kind: 'message', text: forwardedInWords(undefined, words) };
  if (kind !== 'message') return content;
  const product = context?.referred_product;
  const lines = [
    ...about('Written below an advertisement', [referral?.headline, referral?.body, referral?.source_url]),
    ...about('About the product', [product?.product_retailer_id]),
  ];
  return { ...content, text: [...(words === '' ? [] : [words]), ...lines].join('\n') };
}

function about(what: string, parts: readonly (string | null | undefined)[]): readonly string[] {
  const told = parts.flatMap((part) =>
    typeof part === 'string' && part !== '' ? [visibleLine(part, longestPart)] : [],
  );
  return told.length === 0 ? [] : [`[${what}: ${told.join('; ')}]`];
}
