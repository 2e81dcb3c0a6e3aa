import { FakeTelegram } from '../src/testing/fake-telegram.ts';

const secret = 'bench-telegram-secret';

/** A bot and its channel, in webhook mode. */
export interface Bot {
  readonly name: string;
  readonly telegram: FakeTelegram;
}

/** So many bots: each may send 25 messages a second, so it takes several for a load. */
export function startBots(count: number): Promise<readonly Bot[]> {
  return Promise.all(
    Array.from({ length: count }, async (_unused, index) => ({
      name: `t${index}`,
      telegram: await FakeTelegram.start({ token: `${1000 + index}:bench-token` }),
    })),
  );
}

/** `BENCH_FILES` of a server with these bots. */
export function channelFiles(bots: readonly Bot[]): string {
  return JSON.stringify(
    Object.fromEntries(
      bots.map(({ name, telegram }) => {
        const spec = {
          platform: 'telegram',
          agent: 'bench',
          busy: 'followup',
          token: telegram.token,
          apiBase: telegram.apiBase,
          mode: 'webhook',
          webhook: { secret },
        };
        const definition = { apiVersion: 'agent33/v1', kind: 'Channel', metadata: { name }, spec };
        return [`channels/${name}.json`, JSON.stringify(definition)];
      }),
    ),
  );
}

/** A webhook call with a message of this chat. */
export function callOf({ name, telegram }: Bot, chatId: number, text: string) {
  return {
    path: `/webhooks/telegram/${name}`,
    method: 'POST' as const,
    headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': secret },
    body: JSON.stringify(telegram.numbered(telegram.updateOf({ chatId, text }))),
  };
}
