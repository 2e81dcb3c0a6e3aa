import type { FakeWhatsApp } from './fake-whatsapp.ts';
import { DeedLog, type PlatformPlayer } from './platform-player.ts';
import { signedWhatsAppHeaders, whatsappCall, whatsappMessage } from './whatsapp-payloads.ts';
import type { SentWhatsAppMessage } from './whatsapp-post.ts';

const kinds: Readonly<Record<string, 'send' | 'typing'>> = { send: 'send', typing: 'typing' };
/** What Meta answers to too many messages of one number. */
const rateLimited = 130_429;

/** WhatsApp: one call for each message, without an idempotent send; typing names the message that it answers. */
export function playWhatsApp(whatsapp: FakeWhatsApp): PlatformPlayer {
  const chats = new Map<string, string>();
  const log = new DeedLog<SentWhatsAppMessage, FakeWhatsApp['calls'][number]>({
    message: ({ to, text, quotes }) => ({
      kind: 'message',
      chat: to,
      text,
      ...(quotes === undefined ? {} : { replyTo: quotes }),
    }),
    call: ({ action, body }) => {
      const chat = chats.get(String(body['message_id']));
      return action === 'typing' && chat !== undefined ? { kind: 'typing', chat } : undefined;
    },
  });
  return {
    channelSpec: {
      platform: 'whatsapp',
      phoneNumberId: whatsapp.phoneNumberId,
      accessToken: whatsapp.accessToken,
      appSecret: whatsapp.appSecret,
      verifyToken: whatsapp.verifyToken,
      apiBase: whatsapp.apiBase,
    },
    chatOf: (number) => `DE.${10_000 + number}`,
    write(chat, text, path) {
      const id = whatsapp.nextId();
      chats.set(id, chat);
      const { message, contact } = whatsappMessage(id, { userId: chat, phone: null, text });
      const body = JSON.stringify(whatsappCall(whatsapp, { contacts: [contact], messages: [message] }));
      const headers = signedWhatsAppHeaders(whatsapp.appSecret, body);
      return { id, calls: [() => ({ path, headers, body })] };
    },
    deeds: () => log.update(whatsapp.messages, whatsapp.calls),
    watch: whatsapp.watch,
    disturb(choose) {
      whatsapp.faults.choose = (action) => {
        const fault = choose(kinds[action] ?? 'other');
        if (fault?.kind === 'error') return { kind: 'error', status: 502 };
        if (fault?.kind !== 'rate-limit') return fault;
        const { retryAfterSeconds } = fault;
        return { kind: 'error', status: 429, code: rateLimited, retryAfterSeconds };
      };
    },
    stop: () => whatsapp.stop(),
  };
}
