import { seededRandom } from './chaos-upstream.ts';
import { FakeDiscord } from './fake-discord.ts';
import { FakeListener } from './fake-listener.ts';
import { FakeSlack } from './fake-slack.ts';
import { FakeTelegram } from './fake-telegram.ts';
import { FakeWhatsApp } from './fake-whatsapp.ts';
import { playDiscord } from './play-discord.ts';
import { playSlack } from './play-slack.ts';
import { playTelegram } from './play-telegram.ts';
import { playWhatsApp } from './play-whatsapp.ts';
import type { PlatformCallKind, PlatformFault, PlatformPlayer } from './platform-player.ts';
import { WebhookCaller, type WebhookHabits } from './webhook-caller.ts';
import { WatchList } from './watch-list.ts';

/** A platform that `FakePlatforms` plays. */
export type PlatformName = 'telegram' | 'slack' | 'discord' | 'whatsapp';

/** What a person wrote. */
export interface SaidMessage {
  readonly platform: PlatformName;
  readonly chat: string;
  /** The message's id on its platform. */
  readonly id: string;
  readonly text: string;
}

/** One thing that happened in a chat, as a person sees it. `atMs`: `performance.now()`. */
export type ChatLine =
  | { readonly who: 'person'; readonly said: SaidMessage; readonly text: string; readonly atMs: number }
  /** `answers`: the messages that it belongs to, by the platform's own reference or because it repeats their texts. */
  | {
      readonly who: 'bot';
      readonly text: string;
      readonly answers: readonly SaidMessage[];
      readonly atMs: number;
    }
  | { readonly who: 'typing'; readonly atMs: number };

interface Chat {
  readonly lines: ChatLine[];
  readonly said: SaidMessage[];
}

interface Played {
  readonly player: PlatformPlayer;
  readonly caller: WebhookCaller;
  deeds: number;
}

/** Telegram and WhatsApp repeat soon and then slower, Slack as it documents, a balancer in front of Discord's calls soon. */
const retryDelaysMs: Readonly<Record<PlatformName, readonly number[]>> = {
  telegram: [1000, 2000, 5000, 10_000, 30_000],
  slack: [0, 60_000, 300_000],
  discord: [100, 500],
  whatsapp: [1000, 5000, 20_000, 60_000],
};
const ackTimeoutMs: Readonly<Record<PlatformName, number>> = {
  telegram: 60_000,
  slack: 3000,
  discord: 3000,
  whatsapp: 10_000,
};

/**
 * All chat platforms in one server on loopback, in webhook mode, and the people on them. Name the app's processes in
 * `targets`, let people write with `say`, read with `chat` what they see.
 */
export class FakePlatforms {
  readonly telegram: FakeTelegram;
  readonly slack: FakeSlack;
  readonly discord: FakeDiscord;
  readonly whatsapp: FakeWhatsApp;
  readonly names: readonly PlatformName[] = ['telegram', 'slack', 'discord', 'whatsapp'];
  /** Base addresses of the app's processes. */
  targets: readonly string[] = [];
  /** How each platform calls webhooks; change what a test needs otherwise. */
  readonly habits: Readonly<Record<PlatformName, WebhookHabits>>;
  /** Sends that took effect although their answer was cut off, by platform. */
  readonly ambiguousSends: Record<PlatformName, number> = {
    telegram: 0,
    slack: 0,
    discord: 0,
    whatsapp: 0,
  };
  /** Tells of everything that happens in a chat. */
  readonly watch = new WatchList(() => `${this.#lineCount} lines in ${this.#chats.size} chats`);
  readonly #listener: FakeListener;
  readonly #played: Readonly<Record<PlatformName, Played>>;
  readonly #chats = new Map<string, Chat>();
  #lineCount = 0;

  private constructor(
    listener: FakeListener,
    fakes: { telegram: FakeTelegram; slack: FakeSlack; discord: FakeDiscord; whatsapp: FakeWhatsApp },
    seed: number,
  ) {
    this.#listener = listener;
    this.telegram = fakes.telegram;
    this.slack = fakes.slack;
    this.discord = fakes.discord;
    this.whatsapp = fakes.whatsapp;
    const habits = (name: PlatformName): WebhookHabits => ({
      retryDelaysMs: retryDelaysMs[name],
      ackTimeoutMs: ackTimeoutMs[name],
      duplicates: 0,
      mostJitterMs: 0,
    });
    this.habits = {
      telegram: habits('telegram'),
      slack: habits('slack'),
      discord: habits('discord'),
      whatsapp: habits('whatsapp'),
    };
    const random = seededRandom(seed);
    const play = (name: PlatformName, player: PlatformPlayer): Played => {
      const caller = new WebhookCaller({ habits: this.habits[name], random, targets: () => this.targets });
      player.watch.follow(() => this.#update(name));
      return { player, caller, deeds: 0 };
    };
    this.#played = {
      telegram: play('telegram', playTelegram(this.telegram)),
      slack: play('slack', playSlack(this.slack)),
      discord: play('discord', playDiscord(this.discord)),
      whatsapp: play('whatsapp', playWhatsApp(this.whatsapp)),
    };
  }

  /** `seed`: of everything that is left to chance. */
  static async start(options: { seed?: number } = {}): Promise<FakePlatforms> {
    const listener = await FakeListener.shared();
    const fakes = {
      telegram: await FakeTelegram.start({ listener: listener.below('telegram') }),
      slack: await FakeSlack.start({ listener: listener.below('slack') }),
      discord: await FakeDiscord.start({ listener: listener.below('discord') }),
      whatsapp: await FakeWhatsApp.start({ listener: listener.below('whatsapp') }),
    };
    return new FakePlatforms(listener, fakes, options.seed ?? 1);
  }

  async stop(): Promise<void> {
    for (const name of this.names) {
      this.#played[name].caller.stop();
      await this.#played[name].player.stop();
    }
    await this.#listener.stop();
  }

  /** Channel definitions by file name, one for each platform; `spec` is added to each and names the agent. */
  channelFiles(spec: Readonly<Record<string, unknown>> & { readonly agent: string }): Record<string, string> {
    return Object.fromEntries(
      this.names.map((name) => {
        const definition = {
          apiVersion: 'agent33/v1',
          kind: 'Channel',
          metadata: { name },
          spec: { ...this.#played[name].player.channelSpec, ...spec },
        };
        return [`channels/${name}.json`, JSON.stringify(definition)];
      }),
    );
  }

  /**
   * A person writes in a chat. Resolves when the app has acknowledged it; the next message of the same chat leaves only
   * then. Rejects when the platforms are stopped.
   */
  async say(platform: PlatformName, chatNumber: number, text: string): Promise<SaidMessage> {
    const { player, caller } = this.#played[platform];
    const chat = player.chatOf(chatNumber);
    const message = player.write(chat, text, `/webhooks/${platform}/${platform}`);
    const said: SaidMessage = { platform, chat, id: message.id, text };
    const known = this.#chat(platform, chat);
    known.said.push(said);
    this.#add(known, { who: 'person', said, text, atMs: performance.now() });
    for (const call of message.calls)
      await caller.deliver(chat, call, (answer) => message.acknowledged?.(answer));
    return said;
  }

  /** What a person sees in a chat, oldest first. */
  chat(platform: PlatformName, chatNumber: number): readonly ChatLine[] {
    return this.#chat(platform, this.#played[platform].player.chatOf(chatNumber)).lines;
  }

  /** What the bot said that belongs to a message. */
  answersTo(said: SaidMessage): readonly ChatLine[] {
    return this.#chat(said.platform, said.chat).lines.filter(
      (line) => line.who === 'bot' && line.answers.includes(said),
    );
  }

  /** Calls of webhooks so far that were doubled on purpose, and that had to be repeated. */
  get calls(): { readonly duplicates: number; readonly repetitions: number } {
    const callers = this.names.map((name) => this.#played[name].caller);
    return {
      duplicates: callers.reduce((sum, caller) => sum + caller.duplicates, 0),
      repetitions: callers.reduce((sum, caller) => sum + caller.repetitions, 0),
    };
  }

  /** Chooses what goes wrong with each call of the app; `undefined`: nothing. */
  disturb(choose: (platform: PlatformName, kind: PlatformCallKind) => PlatformFault | undefined): void {
    for (const name of this.names) {
      this.#played[name].player.disturb((kind) => {
        const fault = choose(name, kind);
        if (kind === 'send' && fault?.kind === 'cut-after') this.ambiguousSends[name] += 1;
        return fault;
      });
    }
  }

  #chat(platform: PlatformName, chat: string): Chat {
    const key = `${platform}:${chat}`;
    const known = this.#chats.get(key) ?? { lines: [], said: [] };
    this.#chats.set(key, known);
    return known;
  }

  #add(chat: Chat, line: ChatLine): void {
    chat.lines.push(line);
    this.#lineCount += 1;
    this.watch.look();
  }

  #update(platform: PlatformName): void {
    const played = this.#played[platform];
    const deeds = played.player.deeds();
    while (played.deeds < deeds.length) {
      const deed = deeds[played.deeds];
      played.deeds += 1;
      if (deed === undefined) continue;
      const chat = this.#chat(platform, deed.chat);
      const atMs = performance.now();
      if (deed.kind === 'typing') this.#add(chat, { who: 'typing', atMs });
      else {
        const { text, replyTo } = deed;
        this.#add(chat, { who: 'bot', text, answers: answered(chat.said, text, replyTo), atMs });
      }
    }
  }
}

/** Which messages an answer belongs to: those whose texts it repeats, else the one it refers to. */
function answered(
  said: readonly SaidMessage[],
  text: string,
  replyTo: string | undefined,
): readonly SaidMessage[] {
  const repeated = said.filter((one) => one.text !== '' && text.includes(one.text));
  if (repeated.length > 0) return repeated;
  return said.filter((one) => one.id === replyTo);
}
