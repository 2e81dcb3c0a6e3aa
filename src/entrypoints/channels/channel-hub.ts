import {
  AppError,
  withDeadline,
  canonicalJson,
  tryParseJson,
  type Clock,
  type HealthReport,
  type IdGenerator,
  type JsonObject,
  type Logger,
  type Service,
  storable,
} from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { EventPublisher } from '../../engine/automation/index.ts';
import type { EventRouter } from '../../engine/routing/index.ts';
import type { ApprovalService, RunService, RunStarter } from '../../engine/runs/index.ts';
import { toldEvent } from '../../platform/bus/index.ts';
import type { EgressClient, EgressPolicy } from '../../platform/http-client/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { systemScope, type ChannelDefinition, type Scope } from '../../protocol/index.ts';
import { builtInChannels } from './built-in-channels.ts';
import type {
  ChannelAdapter,
  ChannelAdapterFactory,
  ChannelStatus,
  RawWebhook,
  WebhookReply,
} from './channel-adapter.ts';
import { AccountPacer } from './account-pacer.ts';
import { inboundOf, outboundOf } from './announcements.ts';
import { createOwedLookup } from './answer-owed.ts';
import { viewOf, type ChannelView, type ShownChannel } from './channel-view.ts';
import { createChannelState, type ChannelState } from './channel-state.ts';
import { chatCommands } from './chat-commands.ts';
import { defaultDeliverySettings, type DeliverySettings } from './deliver-response.ts';
import { DeliveryWorker } from './delivery-worker.ts';
import { MessageAcceptor } from './message-acceptor.ts';
import { noteReceipt } from './note-receipt.ts';
import { PairingManager } from './pairing/pairing-manager.ts';
import { ReplyPreviews } from './previews/reply-previews.ts';
import type { StreamReplies } from './stream-replies.ts';
import { TypingIndicators } from './typing-indicators.ts';

const longestWatchMs = 3_600_000;

/** What the channels stand on. */
export interface ChannelHubDeps {
  readonly runs: RunService & Pick<RunStarter, 'submitWithin'>;
  readonly router: EventRouter;
  /** Key of the HMACs of pairing codes; the same in every process. */
  readonly pairingSecret: string;
  readonly approvals: ApprovalService;
  readonly storage: Storage;
  /** Files that people send and agents answer with. */
  readonly files: FileStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly createEgress: (policy: EgressPolicy) => EgressClient;
  /** Private hosts that outgoing calls may reach. */
  readonly allowPrivate: readonly string[];
  /** Platforms beside the built-in ones, by name. */
  readonly adapters?: Readonly<Record<string, ChannelAdapterFactory>>;
  readonly delivery?: Partial<DeliverySettings>;
  /** Tells other programs of a message, `messaging.<platform>.inbound` or `.outbound`, or of an event `external.…`. Must not throw. */
  readonly announce?: (subject: string, payload: JsonObject) => void;
  /** Takes in events that channels publish; without it those channels say that they cannot. */
  readonly events?: EventPublisher;
  /** Where responses go that were asked for by a stream. */
  readonly streams?: StreamReplies;
  /** Takes messages in: polls, webhooks. Default true; without it channels can only send. */
  readonly intake?: boolean;
  /** Delivers from the queue. Default true. */
  readonly deliver?: boolean;
}

interface Channel extends ShownChannel {
  readonly digest: string;
  adapter: ChannelAdapter | undefined;
  acceptor: MessageAcceptor | undefined;
  status: ChannelStatus;
  error: string | null;
  lastInAt: number | null;
  lastOutAt: number | null;
}

/** All channels of the process: their adapters, what comes in, and the delivery of answers. */
export class ChannelHub implements Service {
  readonly name = 'channels';
  readonly #deps: ChannelHubDeps;
  readonly #state: ChannelState;
  readonly #typing: TypingIndicators;
  readonly #previews: ReplyPreviews;
  readonly #delivery: DeliveryWorker;
  /** Who may write where `access.dm` is `pairing`. */
  readonly pairing: PairingManager;
  readonly #channels = new Map<string, Channel>();
  #watching = new AbortController();
  #definitions: readonly ChannelDefinition[] = [];
  #started = false;
  /** Has somebody said which channels there are? */
  #isTold = false;
  /** Are all of them there? */
  #isComplete = false;
  #applying: Promise<void> = Promise.resolve();

  constructor(deps: ChannelHubDeps) {
    this.#deps = deps;
    this.#state = createChannelState(deps.storage);
    this.#typing = new TypingIndicators({ ...deps, isOwed: createOwedLookup(deps.storage) });
    this.pairing = new PairingManager({ ...deps, secret: deps.pairingSecret });
    const pacer = new AccountPacer(deps.clock);
    this.#previews = new ReplyPreviews({ ...deps, pacer });
    const settings = { ...defaultDeliverySettings, ...deps.delivery };
    this.#delivery = new DeliveryWorker(
      { ...deps, settings, pacer, previews: this.#previews },
      {
        ...(deps.streams === undefined ? {} : { streams: deps.streams }),
        adapterOf: (name) => this.#channels.get(name)?.adapter,
        onSettled: ({ channel, runId, end, delivery }) => {
          this.#typing.end(runId);
          if (end.status === 'sent') deps.announce?.(...outboundOf(delivery));
          const found = this.#channels.get(channel);
          if (found !== undefined && end.status === 'sent') found.lastOutAt = deps.clock.now();
        },
      },
    );
  }

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    this.#watching = new AbortController();
    await this.pairing.start();
    await this.#apply();
    if (this.#deps.deliver !== false) await this.#delivery.start();
  }

  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#isComplete = false;
    this.#watching.abort(new AppError('not_ready', 'the process is stopping'));
    this.#typing.endAll();
    await this.#previews.endAll();
    await this.pairing.stop();
    await this.#applying;
    // First the sends under way: they need their channels.
    await this.#delivery.stop();
    await Promise.all([...this.#channels.values()].map((channel) => this.#stopChannel(channel)));
    this.#channels.clear();
  }

  /** Makes the channels be these: starts new ones, stops those gone, restarts changed ones, leaves the others alone. */
  apply(definitions: readonly ChannelDefinition[]): Promise<void> {
    this.#definitions = definitions;
    this.#isTold = true;
    return this.#started ? this.#apply() : this.#applying;
  }

  #apply(): Promise<void> {
    const definitions = this.#definitions;
    const isTold = this.#isTold;
    this.#applying = this.#applying.then(async () => {
      await this.#reconcile(definitions);
      this.#isComplete = isTold && this.#started;
    });
    return this.#applying;
  }

  /** Status of every channel, by name. */
  list(): readonly ChannelView[] {
    return [...this.#channels.values()].map(viewOf).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The adapter of a channel. Error: `not_found`. */
  adapter(channel: string): ChannelAdapter {
    const adapter = this.#channels.get(channel)?.adapter;
    if (adapter === undefined) throw new AppError('not_found', `there is no running channel "${channel}"`);
    return adapter;
  }

  health(): Promise<HealthReport> {
    const channels = this.list();
    const down = channels.filter((channel) => channel.status === 'down');
    const metrics = { channels: channels.length, down: down.length };
    if (down.length === 0) return Promise.resolve({ status: 'ok', metrics });
    const detail = down.map((channel) => `${channel.name}: ${channel.error ?? 'down'}`).join('; ');
    return Promise.resolve({ status: 'degraded', detail, metrics });
  }

  /**
   * Takes in a webhook call of a platform. 200 only when its event is durable; 503 asks the platform to send it again.
   * Never rejects.
   */
  async handleWebhook(platform: string, channelName: string, raw: RawWebhook): Promise<WebhookReply> {
    const channel = this.#channels.get(channelName);
    // Not yet, or no longer: who gets 404 may never call again.
    if (channel === undefined) return { status: this.#isComplete ? 404 : 503 };
    const { adapter, definition } = channel;
    if (definition.spec.platform !== platform) return { status: 404 };
    if (adapter === undefined) return { status: 503 };
    if (raw.method === 'GET') return adapter.verifyWebhookChallenge?.(raw) ?? { status: 405 };
    if (!adapter.verify(raw)) return { status: 401 };
    const challenge = adapter.verifyWebhookChallenge?.(raw);
    if (challenge !== undefined) return challenge;
    const update =
      adapter.decode === undefined ? tryParseJson(new TextDecoder().decode(raw.body)) : adapter.decode(raw);
    if (update === undefined) return { status: 400 };
    try {
      const { afterAck, reply = { status: 200 } } = await adapter.enqueueWebhookUpdate(update);
      // After the answer to the platform, which must not wait for it.
      if (afterAck !== undefined) this.#deps.clock.after(0, () => void afterAck());
      return reply;
    } catch (error) {
      this.#deps.logger.warn({ error, channel: channelName }, 'a webhook event could not be stored yet');
      return { status: 503 };
    }
  }

  async #reconcile(definitions: readonly ChannelDefinition[]): Promise<void> {
    const wanted = new Map(
      definitions
        .filter((definition) => definition.spec.enabled)
        .map((definition) => [definition.metadata.name, definition]),
    );
    for (const [name, channel] of this.#channels) {
      const definition = wanted.get(name);
      if (definition !== undefined && canonicalJson(definition) === channel.digest) wanted.delete(name);
      else {
        await this.#stopChannel(channel);
        // A changed channel stays in its place until the new one takes it: answers wait instead of failing.
        if (definition === undefined) this.#channels.delete(name);
      }
    }
    for (const definition of wanted.values()) await this.#startChannel(definition);
  }

  /** A channel that cannot start is shown as down and disturbs no other. */
  async #startChannel(definition: ChannelDefinition): Promise<void> {
    const { name } = definition.metadata;
    const channel: Channel = {
      definition,
      digest: canonicalJson(definition),
      adapter: undefined,
      acceptor: undefined,
      status: 'stopped',
      error: null,
      lastInAt: null,
      lastOutAt: null,
    };
    this.#channels.set(name, channel);
    const setStatus = (status: ChannelStatus, error?: string): void => {
      channel.status = status;
      channel.error = error ?? null;
      this.#deps.metrics.channelUp.set({ channel: name }, status === 'up' || status === 'standby' ? 1 : 0);
    };
    try {
      channel.adapter = this.#createAdapter(channel, setStatus);
      // Without intake another process takes messages in; sending needs no connection.
      if (this.#deps.intake === false) setStatus('standby');
      else {
        channel.acceptor?.start();
        await channel.adapter.start();
      }
    } catch (error) {
      const reason =
        error instanceof AppError ? error.message : 'the channel could not be started; see the log';
      this.#deps.logger.error({ error, channel: name }, 'channel not started');
      setStatus('down', reason);
    }
  }

  #createAdapter(
    channel: Channel,
    onStatus: (status: ChannelStatus, error?: string) => void,
  ): ChannelAdapter {
    const { definition } = channel;
    const { platform, typing } = definition.spec;
    const factory = { ...builtInChannels, ...this.#deps.adapters }[platform];
    if (factory === undefined) {
      throw new AppError(
        'invalid_definition',
        `channel "${definition.metadata.name}": there is no adapter for "${platform}"`,
      );
    }
    const logger = this.#deps.logger.child({ channel: definition.metadata.name, platform });
    const acceptor = new MessageAcceptor(
      {
        ...this.#deps,
        logger,
        pairing: this.pairing,
        previews: this.#previews,
        onSubmitted: ({ runId, scope, message }) => {
          if (typing) this.#typing.begin(runId, adapter, adapter.replyAddress(message));
          if (this.#started) this.#previews.begin({ runId, scope, message }, { adapter, definition });
          void this.#watch(runId, scope);
        },
      },
      definition,
      () => adapter,
    );
    channel.acceptor = acceptor;
    const adapter: ChannelAdapter = factory({
      definition,
      clock: this.#deps.clock,
      logger,
      state: this.#state,
      commands: chatCommands,
      createEgress: this.#deps.createEgress,
      allowPrivate: this.#deps.allowPrivate,
      publish: async (event) => {
        if (this.#deps.events === undefined)
          throw new AppError('not_ready', 'this process cannot publish events');
        channel.lastInAt = this.#deps.clock.now();
        const principal = `channel:${definition.metadata.name}`;
        const published = await this.#deps.events.publish({ ...systemScope, principal, scopes: [] }, event);
        if (!published.duplicate && event.name.startsWith('external.'))
          this.#deps.announce?.(event.name, toldEvent(event.payload, published.id));
        return published;
      },
      accept: async (written) => {
        const message = storable(written);
        channel.lastInAt = this.#deps.clock.now();
        const acceptance = await acceptor.accept(message);
        if (acceptance.outcome === 'submitted')
          this.#deps.announce?.(...inboundOf(definition.metadata.name, message));
        return acceptance;
      },
      onStatus,
      onReceipt: (receipt) => noteReceipt({ ...this.#deps, logger }, definition.metadata.name, receipt),
    });
    return adapter;
  }

  /** Delivers as soon as the run has ended. */
  async #watch(runId: string, scope: Scope): Promise<void> {
    const deadline = withDeadline(this.#deps.clock, longestWatchMs, this.#watching.signal);
    try {
      await this.#deps.runs.response(scope, runId, { signal: deadline.signal });
      this.#delivery.wake();
    } catch {
      this.#typing.end(runId);
    } finally {
      deadline.clear();
    }
  }

  async #stopChannel(channel: Channel): Promise<void> {
    this.#deps.metrics.channelUp.remove({ channel: channel.definition.metadata.name });
    try {
      await channel.adapter?.stop();
      await channel.acceptor?.stop();
    } catch (error) {
      this.#deps.logger.error(
        { error, channel: channel.definition.metadata.name },
        'channel did not stop cleanly',
      );
    }
  }
}

/** Channels over the given parts; `apply` tells which. */
export function createChannelHub(deps: ChannelHubDeps): ChannelHub {
  return new ChannelHub(deps);
}
