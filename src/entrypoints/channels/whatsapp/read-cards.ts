import { z } from 'zod';
import { visibleLine } from '../../../base/index.ts';
import { lenient } from './whatsapp-update.ts';

const mostContacts = 20;
const longestPart = 300;

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

/** A place in words: there is no file behind it. Empty where it cannot be read. */
export function readLocation(inner: unknown): string {
  const parsed = place.safeParse(inner);
  if (!parsed.success) return '';
  const { latitude, longitude, name, address } = parsed.data;
  const words = [name, address].flatMap((part) => (isPresent(part) ? [visibleLine(part, longestPart)] : []));
  return [`Location: ${latitude}, ${longitude}`, ...words].join('; ');
}

/** Contact cards in words, one in a line. */
export function readContacts(inner: unknown): string {
  if (!Array.isArray(inner)) return '';
  const lines = inner.slice(0, mostContacts).flatMap((one: unknown) => {
    const parsed = card.safeParse(one);
    if (!parsed.success) return [];
    const { name, phones } = parsed.data;
    const parts = [
      name?.formatted_name ?? [name?.first_name, name?.last_name].filter(isPresent).join(' '),
      ...(phones ?? []).map(({ phone, wa_id }) => phone ?? wa_id),
    ].filter(isPresent);
    return parts.length === 0 ? [] : [`Contact: ${visibleLine(parts.join(', '), longestPart)}`];
  });
  return lines.join('\n');
}

function isPresent(value: string | null | undefined): value is string {
  return typeof value === 'string' && value !== '';
}
