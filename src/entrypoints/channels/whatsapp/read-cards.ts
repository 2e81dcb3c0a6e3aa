import { z } from 'zod';
import { contactInWords, listInWords, placeInWords } from '../card-words.ts';
import { lenient, wordOf } from './whatsapp-update.ts';

const mostContacts = 20;
const mostProducts = 100;

const text = lenient(z.string());
const place = z.object({
  latitude: z.number(),
  longitude: z.number(),
  name: text,
  address: text,
});
const card = z.object({
  name: lenient(z.object({ formatted_name: text, first_name: text, last_name: text })),
  phones: lenient(
    z.array(z.object({ phone: text, wa_id: text }).catch({ phone: undefined, wa_id: undefined })),
  ),
});

const order = z.object({
  text,
  product_items: lenient(
    z.array(
      z.object({
        product_retailer_id: z.unknown().optional(),
        quantity: z.unknown().optional(),
        item_price: z.unknown().optional(),
        currency: z.unknown().optional(),
      }),
    ),
  ),
});

/** A place in words. Empty where it cannot be read. */
export function readLocation(inner: unknown): string {
  const parsed = place.safeParse(inner);
  return parsed.success ? placeInWords(parsed.data, parsed.data.name, parsed.data.address) : '';
}

/** Contact cards in words, one in a line. */
export function readContacts(inner: unknown): string {
  if (!Array.isArray(inner)) return '';
  const lines = inner.slice(0, mostContacts).map((one: unknown) => {
    const parsed = card.safeParse(one);
    if (!parsed.success) return '';
    const { name, phones } = parsed.data;
    const full = [name?.first_name, name?.last_name].filter((part) => part !== undefined && part !== null);
    const numbers = (phones ?? []).map(({ phone, wa_id }) => phone ?? wa_id);
    return contactInWords(name?.formatted_name ?? full.join(' '), ...numbers);
  });
  return lines.filter((line) => line !== '').join('\n');
}

/** A cart in words: its products by the seller's own ids, and what was written beside it. */
export function readOrder(inner: unknown): string {
  const parsed = order.safeParse(inner);
  if (!parsed.success) return '';
  const { text: beside, product_items: products } = parsed.data;
  const items = (products ?? []).slice(0, mostProducts).map((one) => {
    const price = [wordOf(one.item_price), wordOf(one.currency)].join(' ').trim();
    return `${wordOf(one.quantity)} × ${wordOf(one.product_retailer_id)}${price === '' ? '' : `, ${price} each`}`;
  });
  const words = (beside ?? '').trim();
  return [
    ...(items.length === 0 ? [] : [listInWords('Order', '', items)]),
    ...(words === '' ? [] : [words]),
  ].join('\n');
}
