import type { FakeTelegram, SentMessage } from './fake-telegram.ts';
import { DeedLog, type PlatformPlayer } from './platform-player.ts';

const secret = 'fake-telegram-secret-token';
const kinds: Readonly<Record<string, 'send' | 'typing'>> = {
  sendMessage: 'send',
  sendChatAction: 'typing',
};

/** Telegram in webhook mode: one update for each message, without an idempotent send. */
export function playTelegram(telegram: FakeTelegram): PlatformPlayer {
  const log = new DeedLog<SentMessage, FakeTelegram['calls'][number]>({
    message: ({ chatId, text, replyTo }) => ({
      kind: 'message',
      chat: chatId,
      text,
      ...(replyTo === undefined ? {} : { replyTo: String(replyTo) }),
    }),
    call: ({ method, parameters }) =>
      method === 'sendChatAction' ? { kind: 'typing', chat: String(parameters['chat_id']) } : undefined,
  });
  return {
    channelSpec: {
      platform: 'telegram',
      token: telegram.token,
      apiBase: telegram.apiBase,
      mode: 'webhook',
      webhook: { secret },
    },
    chatOf: (number) => String(10_000 + number),
    write(chat, text, path) {
      const update = telegram.numbered(telegram.updateOf({ chatId: Number(chat), text }));
      const { message_id: id } = update['message'] as { message_id: number };
      const headers = { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': secret };
      return { id: String(id), calls: [() => ({ path, headers, body: JSON.stringify(update) })] };
    },
    deeds: () => log.update(telegram.messages, telegram.calls),
    watch: telegram.watch,
    disturb(choose) {
      telegram.faults.choose = (method) => {
        const fault = choose(kinds[method] ?? 'other');
        return fault?.kind === 'error' ? { kind: 'error', status: 502, description: 'Bad Gateway' } : fault;
      };
    },
    stop: () => telegram.stop(),
  };
}
