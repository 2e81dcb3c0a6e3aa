import type { AppError, Clock, Json, JsonObject, Logger } from '../../base/index.ts';
import type { EgressClient, EgressPolicy } from '../../platform/http-client/index.ts';
import type {
  Attachment,
  ChannelDefinition,
  Message,
  ReplyAddress,
  RunTarget,
  Scope,
} from '../../protocol/index.ts';
import type { ChannelState } from './channel-state.ts';
import type { Outgoing } from './delivery-store.ts';

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

/** When what was not taken is sent again, instead of the settings of deliveries. */
export interface RetrySchedule {
  /** Waits between the tries; the failure behind the last one is the last. */
  readonly waitsMs: readonly number[];
  /** What is older is no longer sent. */
  readonly maxAgeMs: number;
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
  /** The same as Markdown, where the platform reads that itself; then `body` may be a part of it. */
  readonly markdown?: string;
  /** A platform without buttons leaves them out: the text names the commands too. */
  readonly actions?: readonly ChunkAction[];
}

/** An answer as far as it is written. */
export interface PreviewContent {
  /** All of it, with whatever markup is still open. */
  readonly markdown: string;
  /** As much of its end as one message holds, with nothing left open. */
  readonly chunk: Chunk;
}

/** Where an answer is shown while it is written. */
export interface PreviewTarget {
  readonly address: ReplyAddress;
  /** The platform's user who asked. */
  readonly userId: string;
  /** The same whenever the preview of this answer is begun. */
  readonly key: string;
  /** Fails rather than post a message that has to be edited. */
  readonly nativeOnly: boolean;
  /** To be called before a message is posted that stays. Rejects when none may be: the run is over. */
  readonly reserve: () => Promise<void>;
}

/** An answer that is being shown. */
export interface LivePreview {
  /** The message that shows it and that the answer takes the place of; `undefined`: it goes away by itself. */
  readonly messageId: string | undefined;
  /** Without an update it vanishes after this long; left out: it stays. */
  readonly lifeMs?: number;
  /** Shows this instead. Throws `SendError`. */
  update(content: PreviewContent, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Tells the platform that nothing more is shown. Throws `SendError`. */
  end?(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Shows answers while they are written. Best effort; the answer itself is sent in any case. */
export interface AnswerPreviews {
  /** Least time between two updates of one chat. */
  readonly intervalMs: { readonly dm: number; readonly group: number };
  /** Most updates of one account. */
  readonly perSecond: number;
  /** Does the platform have a way of its own to show an answer here, other than a message that is edited? */
  isNative(address: ReplyAddress): boolean;
  /** Shows a first text. Throws `SendError`. */
  begin(
    target: PreviewTarget,
    content: PreviewContent,
    options: { readonly signal: AbortSignal },
  ): Promise<LivePreview>;
  /**
   * Puts a chunk in the place of a preview's message; doing it twice changes nothing. Throws `SendError`; `permanent`:
   * the message cannot be changed any more.
   */
  replace(
    address: ReplyAddress,
    messageId: string,
    chunk: Chunk,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
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

/** What a program says over our own API. */
export interface ProgramMessage {
  readonly text: string;
  /** What a workflow gets instead of the text. */
  readonly inputs?: JsonObject;
  readonly userId?: string;
  readonly userName?: string;
  readonly conversationId?: string;
  readonly metadata: JsonObject;
  readonly target?: RunTarget;
  /** Where the answer is posted. */
  readonly callbackUrl?: string;
  /** Said again by the same caller under the same key it is the same message. */
  readonly key: string | null;
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
  /** The run that the message began, or that it began when it came the first time. */
  readonly runId?: string;
  /** `rejected`: why. `duplicate`: the first one said something else. */
  readonly error?: AppError;
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

/** What a platform says later of a message that it has accepted. */
export interface DeliveryReceipt {
  readonly status: 'sent' | 'delivered' | 'read' | 'failed';
  /** The key that the message was sent with, where the platform gives it back. */
  readonly key?: string;
  /** Why it failed. */
  readonly reason?: string;
  /** Sending it again would help, to the same address with these fields. */
  readonly again?: Partial<ReplyAddress>;
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
  /** Makes an event durable, for sensors and for runs that wait for it; the same id again changes nothing. */
  readonly publish?: (event: {
    readonly name: string;
    readonly payload: Json;
    readonly id: string;
  }) => Promise<{ readonly id: string; readonly duplicate: boolean }>;
  /** Durable when it resolves; rejects when the event has to come again. */
  readonly accept: (message: Message) => Promise<Acceptance>;
  readonly onStatus: (status: ChannelStatus, error?: string) => void;
  /** Durable when it resolves; rejects when the receipt has to come again. */
  readonly onReceipt?: (receipt: DeliveryReceipt) => Promise<void>;
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
  /** Where it is longer or shorter than with people. */
  readonly retries?: RetrySchedule;
  /** Path of this server where messages come in; `/webhooks/{platform}/{channel}` when left out. */
  readonly intakePath?: string;
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
  /**
   * Takes in what a program says on its own behalf, with its own rights; absent where people write. Durable when it
   * resolves. Error: `invalid_request`.
   */
  enqueueMessage?(caller: Scope, message: ProgramMessage): Promise<Acceptance>;
  /** How long a program is kept for its answer unless it says otherwise, in milliseconds. */
  readonly waitMs?: number;
  /** Key of the conversation a message belongs to, the same for each of its messages. */
  conversation(message: Message): string;
  /** Where the answer to a message goes. */
  replyAddress(message: Message): ReplyAddress;
  /** Is the answer to this message sent at all? When left out, each is; an answer that is not stays with its run. */
  wantsReply?(message: Message): boolean;
  /** What is sent for a response or notice instead of its text; nothing for an empty list. Same input, same chunks. */
  renderOutgoing?(outgoing: Outgoing, at: string): readonly Chunk[];
  /** Markdown as messages within the limit; none for a text without content. Same input, same chunks. */
  render(markdown: string): readonly Chunk[];
  /** Sends one chunk and returns the platform's id of it; `key` is the same whenever it is tried. Throws `SendError`. */
  sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    options: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string>;
  /** Shows answers while they are written, where the platform allows that. */
  readonly previews?: AnswerPreviews;
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
