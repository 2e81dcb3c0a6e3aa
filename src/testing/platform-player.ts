import type { CommonFault } from './fault-list.ts';
import type { WebhookAnswer, WebhookCall } from './webhook-caller.ts';
import type { WatchList } from './watch-list.ts';

/** What the app asks of a platform. */
export type PlatformCallKind = 'send' | 'typing' | 'other';

/** What goes wrong with a call, on whatever platform; `error` is an internal error of the platform's. */
export type PlatformFault = CommonFault | { readonly kind: 'error' };

/** Something a person does, as calls of the app's webhook. */
export interface PlayedMessage {
  /** Id of the message on its platform. */
  readonly id: string;
  /** Each of them is made anew for every try. */
  readonly calls: readonly (() => WebhookCall)[];
  /** What the platform does with the app's answer. */
  readonly acknowledged?: (answer: WebhookAnswer) => void;
}

/** What the app did in a chat. `replyTo`: the message that the platform shows it as an answer to. */
export type PlayedDeed =
  | { readonly kind: 'message'; readonly chat: string; readonly text: string; readonly replyTo?: string }
  | { readonly kind: 'typing'; readonly chat: string };

/** One platform among several: how people write on it, and what they see. */
export interface PlatformPlayer {
  /** `spec` of a channel definition for this fake, without the agent. */
  readonly channelSpec: Readonly<Record<string, unknown>>;
  /** The platform's id of the chat with this number. */
  chatOf(number: number): string;
  /** A person writes a direct message. */
  write(chat: string, text: string, path: string): PlayedMessage;
  /** Everything the app did so far, oldest first; grows. */
  deeds(): readonly PlayedDeed[];
  readonly watch: WatchList;
  /** Chooses what goes wrong with each call of the app. */
  disturb(choose: (kind: PlatformCallKind) => PlatformFault | undefined): void;
  stop(): Promise<void>;
}

/** Turns two growing lists into one of deeds, in the order in which they were seen. */
export class DeedLog<Message, Call> {
  readonly deeds: PlayedDeed[] = [];
  #messages = 0;
  #calls = 0;
  readonly #ofMessage: (message: Message) => PlayedDeed;
  readonly #ofCall: (call: Call) => PlayedDeed | undefined;

  constructor(read: {
    message: (message: Message) => PlayedDeed;
    call: (call: Call) => PlayedDeed | undefined;
  }) {
    this.#ofMessage = read.message;
    this.#ofCall = read.call;
  }

  update(messages: readonly Message[], calls: readonly Call[]): readonly PlayedDeed[] {
    for (; this.#calls < calls.length; this.#calls += 1) {
      const call = calls[this.#calls];
      const deed = call === undefined ? undefined : this.#ofCall(call);
      if (deed !== undefined) this.deeds.push(deed);
    }
    for (; this.#messages < messages.length; this.#messages += 1) {
      const message = messages[this.#messages];
      if (message !== undefined) this.deeds.push(this.#ofMessage(message));
    }
    return this.deeds;
  }
}
