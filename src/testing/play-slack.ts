import type { FakeSlack } from './fake-slack.ts';
import { DeedLog, type PlatformPlayer } from './platform-player.ts';
import { signedSlackHeaders, slackEvent, slackMessageEvents } from './slack-payloads.ts';
import type { SentSlackMessage } from './slack-post.ts';

const kinds: Readonly<Record<string, 'send' | 'typing'>> = {
  'chat.postMessage': 'send',
  'assistant.threads.setStatus': 'typing',
};

/** Slack with the Events API. Every third chat is a channel, where a mention comes as two events. */
export function playSlack(slack: FakeSlack): PlatformPlayer {
  const log = new DeedLog<SentSlackMessage, FakeSlack['calls'][number]>({
    message: ({ channel, text, threadTs }) => ({
      kind: 'message',
      chat: channel,
      text,
      ...(threadTs === undefined ? {} : { replyTo: threadTs }),
    }),
    call: ({ method, parameters }) =>
      method === 'assistant.threads.setStatus'
        ? { kind: 'typing', chat: String(parameters['channel_id']) }
        : undefined,
  });
  const threads = new Map<string, string>();
  return {
    channelSpec: {
      platform: 'slack',
      botToken: slack.botToken,
      signingSecret: slack.signingSecret,
      apiBase: slack.apiBase,
      access: { dm: 'open', groups: 'open' },
    },
    chatOf: (number) => `${number % 3 === 2 ? 'C' : 'D'}${10_000 + number}`,
    write(chat, text, path) {
      const ts = slack.nextTs();
      const isChannel = chat.startsWith('C');
      const threadTs = isChannel ? threads.get(chat) : undefined;
      // In a channel the conversation is the thread that its first message begins.
      if (isChannel && threadTs === undefined) threads.set(chat, ts);
      const message = {
        channel: chat,
        text,
        mention: isChannel,
        ...(threadTs === undefined ? {} : { threadTs }),
      };
      const calls = slackMessageEvents(slack, ts, message).map((event, index) => {
        const body = JSON.stringify(slackEvent(slack, `Ev-${ts}-${index}`, event));
        return () => ({
          path,
          headers: signedSlackHeaders(slack.signingSecret, body, { nowMs: Date.now() }),
          body,
        });
      });
      return { id: ts, calls };
    },
    deeds: () => log.update(slack.messages, slack.calls),
    watch: slack.watch,
    disturb(choose) {
      slack.faults.choose = (method) => {
        const fault = choose(kinds[method] ?? 'other');
        return fault?.kind === 'error' ? { kind: 'error', error: 'internal_error', status: 500 } : fault;
      };
    },
    stop: () => slack.stop(),
  };
}
