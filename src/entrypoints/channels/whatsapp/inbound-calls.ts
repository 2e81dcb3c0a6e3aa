import type { Message } from '../../../protocol/index.ts';
import type { Acceptance, ChannelAdapterContext } from '../channel-adapter.ts';
import { parseWhatsAppEvent } from './parse-update.ts';
import { PersonDirectory } from './person-directory.ts';
import { readIdentityChange, readIdUpdate } from './read-identity-change.ts';
import { readStatus } from './read-status.ts';
import type { ReceiptDesk } from './receipt-desk.ts';
import { splitCall } from './split-call.ts';
import { wordOf, type WhatsAppEvent, type WhatsAppReader } from './whatsapp-update.ts';

const mostForeignNumbers = 100;
const mostCourtesies = 1000;
/** What the acknowledgement of a whole call says, most telling first. */
const tellingOrder = [
  'submitted',
  'waiting',
  'answered',
  'rejected',
  'denied',
  'duplicate',
] as const satisfies readonly Acceptance['outcome'][];

/**
 * Takes in calls, each with any number of messages and statuses, in their order. One that cannot be stored holds up
 * only what follows it in the same conversation; the call is refused then, and of its repetition only those count that
 * are missing.
 */
export class InboundCalls {
  readonly #context: ChannelAdapterContext;
  readonly #reader: () => WhatsAppReader;
  readonly #receipts: ReceiptDesk;
  readonly #people: PersonDirectory;
  readonly #onAccepted: (message: Message) => void;
  readonly #foreignNumbers = new Set<string>();
  /** Messages that got their courtesy: WhatsApp repeats whole calls. */
  readonly #courtesies = new Set<string>();

  constructor(
    context: ChannelAdapterContext,
    parts: {
      readonly reader: () => WhatsAppReader;
      readonly receipts: ReceiptDesk;
      readonly onAccepted: (message: Message) => void;
    },
  ) {
    this.#context = context;
    this.#reader = parts.reader;
    this.#receipts = parts.receipts;
    this.#onAccepted = parts.onAccepted;
    this.#people = new PersonDirectory(context.state, parts.reader().phoneNumberId);
  }

  /** Durable when it resolves; rejects with the first failure once everything else is taken in. */
  async take(update: unknown): Promise<Acceptance> {
    const { events, skipped } = splitCall(update);
    for (const reason of skipped) this.#ignored(reason);
    const acceptances: Acceptance[] = [];
    const heldUp = new Set<string>();
    const failures: unknown[] = [];
    for (const event of events) {
      const conversation = conversationOf(event);
      if (heldUp.has(conversation)) continue;
      try {
        acceptances.push(await this.#takeEvent(event));
      } catch (error) {
        heldUp.add(conversation);
        failures.push(error);
      }
    }
    if (failures.length === 0) return together(acceptances);
    // The courtesies of what was taken in: its repetition brings none.
    this.#context.clock.after(0, () => void together(acceptances).afterAck?.());
    throw failures[0];
  }

  async #takeEvent(event: WhatsAppEvent): Promise<Acceptance> {
    const reader = this.#reader();
    if (event.phoneNumberId !== reader.phoneNumberId) this.#warnOfForeign(event.phoneNumberId);
    else if (event.kind === 'status') {
      const status = readStatus(event.item);
      if (status !== undefined) await this.#receipts.take(status);
      return { outcome: 'ignored' };
    } else {
      const change = event.kind === 'identity' ? readIdUpdate(event.item) : readIdentityChange(event.item);
      if (change !== undefined) {
        await this.#people.rename(change);
        this.#context.logger.info({ ...change }, 'somebody has other ids now; the conversation goes on');
        return { outcome: 'ignored' };
      }
    }
    const parsed = parseWhatsAppEvent(event, reader);
    if (parsed.message === undefined) return this.#ignored(parsed.ignored);
    const message = await this.#people.recognise(parsed.message);
    const acceptance = await this.#context.accept(message);
    this.#onAccepted(message);
    return this.#onceCourteous(message.dedupe_key, acceptance);
  }

  #onceCourteous(key: string, acceptance: Acceptance): Acceptance {
    if (acceptance.afterAck === undefined) return acceptance;
    if (this.#courtesies.has(key)) return { outcome: acceptance.outcome };
    if (this.#courtesies.size >= mostCourtesies) this.#courtesies.clear();
    this.#courtesies.add(key);
    return acceptance;
  }

  #ignored(reason: string): Acceptance {
    this.#context.logger.debug({ reason }, 'update ignored');
    return { outcome: 'ignored' };
  }

  /** Once for each: an app has one address for all of its numbers, and nobody answers those. */
  #warnOfForeign(phoneNumberId: string): void {
    if (this.#foreignNumbers.has(phoneNumberId) || this.#foreignNumbers.size >= mostForeignNumbers) return;
    this.#foreignNumbers.add(phoneNumberId);
    this.#context.logger.warn(
      { phoneNumberId: phoneNumberId.slice(0, 40) },
      'a call for a phone number of another channel was ignored; give that number an address of its own',
    );
  }
}

/** Statuses stand for themselves; messages follow each other where they have a sender in common. */
function conversationOf({ kind, item }: WhatsAppEvent): string {
  if (kind === 'status') return JSON.stringify([kind, wordOf(item['id'])]);
  if (kind === 'identity') return JSON.stringify([kind, wordOf(item['wa_id'])]);
  return JSON.stringify([kind, wordOf(item['from_user_id'] ?? item['from'])]);
}

function together(acceptances: readonly Acceptance[]): Acceptance {
  const [only] = acceptances;
  if (only !== undefined && acceptances.length === 1) return only;
  const outcome = tellingOrder.find((one) => acceptances.some((each) => each.outcome === one)) ?? 'ignored';
  const courtesies = acceptances.flatMap(({ afterAck }) => (afterAck === undefined ? [] : [afterAck]));
  if (courtesies.length === 0) return { outcome };
  return {
    outcome,
    afterAck: async () => {
      for (const courtesy of courtesies) await courtesy();
    },
  };
}
