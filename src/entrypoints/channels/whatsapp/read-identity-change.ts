import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import { lenient, personIds, type PersonIds } from './whatsapp-update.ts';

const text = lenient(z.string());
const notice = z.object({
  type: z.literal('system'),
  from: text,
  from_user_id: text,
  system: z.object({
    type: z.enum(['user_changed_number', 'customer_changed_number', 'user_changed_user_id']),
    customer: text,
    previous_user_id: text,
    previous_parent_user_id: text,
    user_id: text,
    parent_user_id: text,
    wa_id: text,
    new_wa_id: text,
  }),
});

/** Somebody goes on under other ids. */
export interface IdentityChange {
  readonly previous: PersonIds;
  readonly next: PersonIds;
}

/** The change that a notice tells of; `undefined` for other messages. */
export function readIdentityChange(message: JsonObject): IdentityChange | undefined {
  const parsed = notice.safeParse(message);
  if (!parsed.success) return undefined;
  const { system, from, from_user_id: sender } = parsed.data;
  const next = personIds([system.user_id, system.parent_user_id, system.wa_id, system.new_wa_id]);
  // Beside the new id, that of the sender is the old one.
  const former = sender === next.scoped ? undefined : sender;
  const previous = personIds([
    system.previous_user_id,
    system.previous_parent_user_id,
    former,
    system.customer,
    from,
  ]);
  return { previous, next };
}

const pair = lenient(z.object({ previous: text, current: text }));
const update = z.object({ wa_id: text, user_id: pair, parent_user_id: pair });

/** The same as Meta tells it in a field of its own, with the old and the new id side by side. */
export function readIdUpdate(item: JsonObject): IdentityChange | undefined {
  const parsed = update.safeParse(item);
  const { wa_id: phone, user_id: scoped, parent_user_id: parent } = parsed.data ?? {};
  const previous = personIds([scoped?.previous, parent?.previous]);
  // The number is the one that the person has now.
  const next = personIds([scoped?.current, parent?.current, phone]);
  return previous.scoped === undefined || next.scoped === undefined ? undefined : { previous, next };
}
