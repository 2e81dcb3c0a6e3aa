import type { Clock, Logger } from '../../base/index.ts';
import type { EgressClient, EgressPolicy } from '../../platform/http-client/index.ts';
import type { Attachment, ChannelDefinition, Message, ReplyAddress } from '../../protocol/index.ts';
import type { ChannelState } from './channel-state.ts';

/** What a platform can do; shared code asks this and never which platform it is. */
export interface ChannelCapabilities {
  /** Longest text of one message, counted in `unit`. */
  readonly maxTextLength: number;
  readonly unit: 'utf16' | 'code-point';
  /** Can a sent message be changed? */
  readonly edit: boolean;
  /** How often "typing" has to be repeated; `undefined`: the platform shows none. */
  readonly typingIntervalMs: number | undefined;
  readonly threads: boolean;
  /** Messages one account may send per second. */
  readonly sendsPerSecond: number;
  /** Does the platform show buttons below a message? */
  readonly buttons: boolean;
  /** The platform knows a message that is sent again with the same key, so an ambiguous send is simply repeated. */
  readonly idempotentSend: boolean;
  /** Largest file in bytes, each way; 0: none. */
  readonly files: { readonly mostBytesIn: number; readonly mostBytesOut: number };
}

/** Something to press below a message. Whoever presses it sends the command. */
export interface ChunkAction {
  readonly label: string;
  /** At most 64 bytes. */
  readonly command: string;
}

/** One message as the platform takes it; `plain` is the same text without markup. */
export interface Chunk {
  readonly body: string;
  readonly plain: string;
  /** A platform without buttons leaves them out: the text names the commands too. */
  readonly actions?: readonly ChunkAction[];
}

/** A file of a message on its way from the platform. Whoever has it reads `body` to its end, or leaves its loop. */
export interface OpenedAttachment {
  readonly body: AsyncIterable<Uint8Array>;
  /** What the platform says of it, where it says more than the message did. */
  readonly mimeType?: string;
  readonly name?: string;
  readonly sizeBytes?: number;
}

/** A file on its way to the platform. */
export interface OutgoingFile {
  /** One line that names no folder. */
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/** A webhook call before anything in it is trusted. Header names in lower case. */
export interface RawWebhook {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** What a platform is told in answer to its call. */
export interface WebhookReply {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
}

/** A platform event: a message for the pipeline, or why it is none. */
export type ParsedUpdate =
  | { readonly message: Message; readonly ignored?: undefined }
  | { readonly message?: undefined; readonly ignored: string };

/** Life of a channel. `standby`: another process polls this account. */
export type ChannelStatus = 'stopped' | 'connecting' | 'up' | 'standby' | 'down';

/**
 * Outcome of an accepted message. `afterAck` sends a courtesy (help, polite refusal); it runs once the platform's event
 * is acknowledged, so that it cannot be repeated by a redelivery.
 */
export interface Acceptance {
  /** `waiting`: kept for a later turn. */
  readonly outcome: 'submitted' | 'waiting' | 'duplicate' | 'denied' | 'ignored' | 'answered' | 'rejected';
  readonly afterAck?: () => Promise<void>;
  /** What the platform wants to read in the acknowledgement; an empty 200 when left out. */
  readonly reply?: WebhookReply;
}

/** A command that people can send, such as `/new`. */
export interface ChatCommand {
  readonly name: string;
  readonly description: string;
  /** What has to be written behind it, such as `code`; most commands take nothing. */
  readonly argument?: string;
}

/** What an adapter stands on. */
export interface ChannelAdapterContext {
  readonly definition: ChannelDefinition;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Small durable state: poll offsets and leases. */
  readonly state: ChannelState;
  readonly commands: readonly ChatCommand[];
  readonly createEgress: (policy: EgressPolicy) => EgressClient;
  /** Private hosts that the operator has opened for outgoing calls. */
  readonly allowPrivate: readonly string[];
  /** Durable when it resolves; rejects when the event has to come again. */
  readonly accept: (message: Message) => Promise<Acceptance>;
  readonly onStatus: (status: ChannelStatus, error?: string) => void;
}

/**
 * One account on a chat platform.
 *
 * `start` returns at once and connects in the background; progress is told through `onStatus`. `start` and `stop` may
 * be repeated. Events of one chat are accepted in the platform's order, one at a time.
 */
export interface ChannelAdapter {
  readonly platform: string;
  readonly accountId: string;
  readonly capabilities: ChannelCapabilities;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Is the webhook call really from the platform? Constant time, over the raw bytes. */
  verify(raw: RawWebhook): boolean;
  /**
   * Answers what is no event: a verification challenge, a ping. Asked for GET before `verify`, and for POST after it;
   * `undefined`: it is an event.
   */
  verifyWebhookChallenge?(raw: RawWebhook): WebhookReply | undefined;
  /** The update in a verified body; JSON unless the platform says otherwise. `undefined`: unreadable. */
  decode?(raw: RawWebhook): unknown;
  /** Never throws, whatever it is given. */
  parse(update: unknown): ParsedUpdate;
  /** Takes in a verified update; durable when it resolves. Rejects when the platform should send it again. */
  enqueueWebhookUpdate(update: unknown): Promise<Acceptance>;
  /** Key of the conversation a message belongs to, the same for each of its messages. */
  conversation(message: Message): string;
  /** Where the answer to a message goes. */
  replyAddress(message: Message): ReplyAddress;
  /** Markdown as messages within the limit; none for a text without content. Same input, same chunks. */
  render(markdown: string): readonly Chunk[];
  /** Sends one chunk and returns the platform's id of it; `key` is the same whenever it is tried. Throws `SendError`. */
  sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    options: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string>;
  /**
   * Opens a file of a message. Throws `SendError`: `retry` where another try may help, `permanent` where none will; its
   * message is read by people. A platform without it has `files.mostBytesIn` 0.
   */
  openAttachment?(
    attachment: Attachment,
    options: { readonly signal: AbortSignal },
  ): Promise<OpenedAttachment>;
  /**
   * Sends one file of at most `files.mostBytesOut` and returns the platform's id of the message; `key` as in `sendChunk`.
   * Throws `SendError`; `payload_too_large`: the platform takes no file of this size here. A platform without it has
   * `files.mostBytesOut` 0.
   */
  sendFile?(
    address: ReplyAddress,
    file: OutgoingFile,
    options: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string>;
  /** Shows "typing" for some seconds. Throws `SendError`. */
  typing(address: ReplyAddress, options: { signal: AbortSignal }): Promise<void>;
  /** Sends a text at once, without the outbox: for courtesy messages and scripts. */
  send(channelId: string, text: string): Promise<void>;
  /** Resolves with the next message that arrives; the pipeline does not depend on it. */
  receive(options?: { signal?: AbortSignal }): Promise<Message>;
}

/** Makes the adapter of one platform; throws `invalid_definition` when the definition cannot work. */
export type ChannelAdapterFactory = (context: ChannelAdapterContext) => ChannelAdapter;
