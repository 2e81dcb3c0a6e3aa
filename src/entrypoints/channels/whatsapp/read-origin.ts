import { z } from 'zod';
import { visibleLine, type JsonObject } from '../../../base/index.ts';
import type { WhatsAppContent } from './read-content.ts';
import { lenient } from './whatsapp-update.ts';

const longestPart = 500;

const text = lenient(z.string());
const origin = z.object({
  referral: lenient(z.object({ headline: text, body: text, source_url: text })),
  context: lenient(
    z.object({ referred_product: lenient(z.object({ product_retailer_id: text, catalog_id: text })) }),
  ),
});

/**
 * What a message says, and below it the advertisement or the product that it comes from: "how much is this?" says
 * nothing without. Commands stay as they are.
 */
export function withOrigin({ kind, text: words }: WhatsAppContent, message: JsonObject): string {
  if (kind !== 'message') return words;
  const parsed = origin.safeParse(message);
  const { referral, context } = parsed.data ?? {};
  const product = context?.referred_product;
  const lines = [
    ...about('Written below an advertisement', [referral?.headline, referral?.body, referral?.source_url]),
    ...about('About the product', [product?.product_retailer_id]),
  ];
  return [...(words === '' ? [] : [words]), ...lines].join('\n');
}

function about(what: string, parts: readonly (string | null | undefined)[]): readonly string[] {
  const told = parts.flatMap((part) =>
    typeof part === 'string' && part !== '' ? [visibleLine(part, longestPart)] : [],
  );
  return told.length === 0 ? [] : [`[${what}: ${told.join('; ')}]`];
}
