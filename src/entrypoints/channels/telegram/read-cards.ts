import { z } from 'zod';
import { contactInWords, listInWords, placeInWords } from '../card-words.ts';
import { readRichText } from './read-rich-text.ts';
import { lenient } from './telegram-fields.ts';

const text = lenient(z.string());
const options = lenient(z.array(z.object({ text: z.string() }).catch({ text: '' })));
const location = z.object({ latitude: z.number(), longitude: z.number() });

/** What a person can send instead of a text and without a file. */
const cards = z.object({
  location: lenient(location),
  venue: lenient(z.object({ location, title: text, address: text })),
  contact: lenient(z.object({ first_name: text, last_name: text, phone_number: text })),
  poll: lenient(z.object({ question: z.string(), options })),
  checklist: lenient(z.object({ title: z.string(), tasks: options })),
  dice: lenient(z.object({ emoji: z.string(), value: z.int() })),
  web_app_data: lenient(z.object({ data: z.string() })),
  rich_message: lenient(z.object({ blocks: z.unknown() })),
});

/** The words of a message that has neither text nor caption; empty where there are none. */
export function readCards(message: unknown): string {
  const parsed = cards.safeParse(message);
  if (!parsed.success) return '';
  const { location: place, venue, contact, poll, checklist, dice, web_app_data, rich_message } = parsed.data;
  // A venue comes with its location beside it.
  if (venue) return placeInWords(venue.location, venue.title, venue.address);
  if (place) return placeInWords(place);
  if (contact) {
    const name = [contact.first_name, contact.last_name].filter((part) => typeof part === 'string');
    return contactInWords(name.join(' '), contact.phone_number);
  }
  if (poll)
    return listInWords(
      'Poll',
      poll.question,
      (poll.options ?? []).map((one) => one.text),
    );
  if (checklist)
    return listInWords(
      'Checklist',
      checklist.title,
      (checklist.tasks ?? []).map((one) => one.text),
    );
  if (dice) return `${dice.emoji} ${dice.value}`;
  if (web_app_data) return web_app_data.data;
  return rich_message ? readRichText(rich_message.blocks) : '';
}
