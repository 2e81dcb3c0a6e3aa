import { isJsonObject } from '../../../base/index.ts';
import { defaultTenant, type Message } from '../../../protocol/index.ts';
import type { ChannelState, StateKey } from '../channel-state.ts';
import type { IdentityChange } from './read-identity-change.ts';
import { personIds } from './whatsapp-update.ts';

/** What is known of one id: under which one its person is kept, and the other one. */
interface KnownId {
  readonly user: string;
  readonly scoped?: string;
  readonly phone?: string;
}

/**
 * Knows people by either of their ids, and still when they have changed them. A person keeps the id under which they
 * first wrote; conversations, pairings and principals are in its name.
 *
 * A phone number links only to somebody of whom no business-scoped id was known: numbers are given to other people, and
 * those get neither the conversation nor the rights of whoever had it before.
 */
export class PersonDirectory {
  readonly #state: ChannelState;
  readonly #accountId: string;

  constructor(state: ChannelState, accountId: string) {
    this.#state = state;
    this.#accountId = accountId;
  }

  /** The message in the name of its person, with all of their ids. Durable when it resolves. */
  async recognise(message: Message): Promise<Message> {
    const given = [message.user_id, ...(message.user_aliases ?? [])];
    const ids = personIds(given);
    const { user, scoped, phone } = await this.#find(ids.scoped, ids.phone, message.user_id);
    const aliases = new Set([scoped, phone, ...given].filter((id) => id !== undefined && id !== user));
    const { user_aliases: _given, ...rest } = message;
    return {
      ...rest,
      user_id: user,
      ...(aliases.size === 0 ? {} : { user_aliases: [...aliases] as string[] }),
    };
  }

  /** From now on a person has other ids. May come twice, and after messages under the new ones. */
  async rename({ previous, next }: IdentityChange): Promise<void> {
    const known = await this.#known(previous.scoped);
    const byPhone = known === undefined ? await this.#known(previous.phone) : undefined;
    const isSame =
      previous.scoped === undefined || byPhone?.scoped === undefined || byPhone.scoped === previous.scoped;
    const user = known?.user ?? (isSame ? byPhone?.user : undefined) ?? previous.scoped ?? previous.phone;
    if (user === undefined || (next.scoped === undefined && next.phone === undefined)) return;
    if (next.scoped !== undefined) await this.#keep(next.scoped, { user, phone: next.phone });
    if (next.phone !== undefined) await this.#keep(next.phone, { user, scoped: next.scoped });
    // Whoever gets the old number is somebody else.
    if (previous.phone === undefined || next.phone === undefined || previous.phone === next.phone) return;
    if ((await this.#known(previous.phone))?.user === user)
      await this.#state.delete(this.#key(previous.phone));
  }

  async #find(scoped: string | undefined, phone: string | undefined, fallback: string): Promise<KnownId> {
    if (scoped === undefined) {
      if (phone === undefined) return { user: fallback };
      const known = await this.#known(phone);
      if (known === undefined) await this.#keep(phone, { user: phone });
      return { ...(known ?? { user: phone }), phone };
    }
    const known = await this.#known(scoped);
    if (known !== undefined && (phone === undefined || phone === known.phone)) return { ...known, scoped };
    const byPhone = known === undefined ? await this.#known(phone) : undefined;
    const user = known?.user ?? (byPhone?.scoped === undefined ? byPhone?.user : undefined) ?? scoped;
    await this.#keep(scoped, { user, phone });
    if (phone !== undefined) await this.#keep(phone, { user, scoped });
    return { user, scoped, ...(phone === undefined ? {} : { phone }) };
  }

  async #known(id: string | undefined): Promise<KnownId | undefined> {
    if (id === undefined) return undefined;
    const value = (await this.#state.get(this.#key(id)))?.value;
    if (!isJsonObject(value) || typeof value['user'] !== 'string') return undefined;
    const { user, scoped, phone } = value;
    return {
      user,
      ...(typeof scoped === 'string' ? { scoped } : {}),
      ...(typeof phone === 'string' ? { phone } : {}),
    };
  }

  #keep(
    id: string,
    known: { user: string; scoped?: string | undefined; phone?: string | undefined },
  ): Promise<void> {
    const value = Object.fromEntries(Object.entries(known).filter(([, part]) => part !== undefined));
    return this.#state.set(this.#key(id), value);
  }

  #key(id: string): StateKey {
    return { tenant: defaultTenant, channel: 'whatsapp', accountId: this.#accountId, key: `person:${id}` };
  }
}
