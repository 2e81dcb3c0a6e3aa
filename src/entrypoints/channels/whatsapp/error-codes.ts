import { z } from 'zod';
import { lenient } from './whatsapp-update.ts';

const text = lenient(z.string());

/** An error as the Graph API answers it and as statuses carry it. */
export const errorSchema = z.object({
  code: z.int(),
  title: text,
  message: text,
  is_transient: lenient(z.boolean()),
  error_data: lenient(z.object({ details: text })),
});

export type WhatsAppError = z.output<typeof errorSchema>;

/** The time for free answers, 24 hours from a person's last message, is over. */
export const windowClosed = 131_047;
/** Too many messages to one person. */
export const pairLimit = 131_056;
/** Meta keeps back what it takes for advertising. */
const keptBack = 131_049;

/** Too many messages or calls, with how long the account had better be still. */
export const accountLimits: ReadonlyMap<number, number> = new Map([
  [130_429, 5000],
  [4, 60_000],
  [80_007, 60_000],
]);

/** Refusals of the token or of a right: every further call makes it worse. */
export function isRefusedToken(code: number): boolean {
  return (
    code === 190 || code === 0 || code === 3 || code === 10 || code === 131_005 || (code >= 200 && code < 300)
  );
}

/** Meta's own troubles, by which nothing was sent. */
export const notTaken: ReadonlySet<number> = new Set([2, 131_016, 131_048, 131_057, 133_004]);

/** What the interactive form of a message may be refused for. */
export const unreadable: ReadonlySet<number> = new Set([100, 131_008, 131_009, 131_051]);

const advice: ReadonlyMap<number, string> = new Map([
  [
    windowClosed,
    'the last message of this person is older than 24 hours: only a template may be sent now (spec.template)',
  ],
  [131_026, 'it cannot be delivered to this person: no WhatsApp, an old version, or this number is blocked'],
  [keptBack, 'Meta keeps it back: this person has got too much that it takes for advertising'],
  [131_030, 'a test number may only write to the numbers on its list (API Setup, "To")'],
  [131_042, 'the payment settings of the WhatsApp Business account need attention'],
  [132_001, 'there is no approved template of this name and language (spec.template)'],
  [132_000, 'the body of the template has not exactly one parameter (spec.template)'],
  [133_010, 'the phone number is not registered with the Cloud API'],
]);

/** An error in words: its number, what Meta says, and what to do where we know. */
export function describeError(error: WhatsAppError): string {
  const said = error.error_data?.details ?? error.message ?? error.title ?? 'no reason given';
  const known = advice.get(error.code);
  const meta = `error ${error.code}: ${said.replace(/\.+$/, '')}`;
  return known === undefined ? meta : `${known} (${meta})`;
}
