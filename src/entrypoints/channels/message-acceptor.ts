import {
  toAppError,
  withDeadline,
  type AppError,
  type Clock,
  type IdGenerator,
  type Logger,
} from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import { compileSafePattern, type EventRouter, type SafePattern } from '../../engine/routing/index.ts';
import type { ApprovalService, RunService, RunStarter } from '../../engine/runs/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { defaultTenant, type ChannelDefinition, type Message, type Scope } from '../../protocol/index.ts';
import { apology } from './attachment-words.ts';
import { checkAccess, type AccessVerdict } from './access.ts';
import { obeyApprovalCommand, readApprovalCommand, type ApprovalCommand } from './approval-commands.ts';
import type { Acceptance, ChannelAdapter } from './channel-adapter.ts';
import { pairingPrompt, readCommand } from './chat-commands.ts';
import { CommandDesk } from './command-desk.ts';
import { ConversationStore } from './conversation-store.ts';
import type { PairingManager } from './pairing/pairing-manager.ts';
import type { ReplyPreviews } from './previews/reply-previews.ts';
import { isStop, StopButton } from './previews/stop-button.ts';
import { TurnDesk } from './turn-desk.ts';

const mostInternalFaults = 5;
const mostRemembered = 1000;
const courtesyTimeoutMs = 30_000;
const notSetUp = 'Sorry, I am not set up correctly. Please tell the operator.';

/** What taking in messages stands on. */
export interface MessageAcceptorDeps {
  readonly runs: RunService & Pick<RunStarter, 'submitWithin'>;
  readonly approvals: ApprovalService;
  readonly router: EventRouter;
  readonly pairing: PairingManager;
  readonly previews: Pick<ReplyPreviews, 'ownerOf'>;
  readonly storage: Storage;
  readonly files: FileStore;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called for each new run that a message started. */
  readonly onSubmitted: (submitted: { runId: string; scope: Scope; message: Message }) => void;
}

/** Takes in the messages of one channel: access, commands, and the durable submit. */
export class MessageAcceptor {
  readonly #deps: MessageAcceptorDeps;
  readonly #definition: ChannelDefinition;
  readonly #adapter: () => ChannelAdapter;
  readonly #mentions: readonly SafePattern[];
  readonly #conversations: ConversationStore;
  readonly #turns: TurnDesk;
  readonly #commands: CommandDesk;
  readonly #stopButton: StopButton;
  /** Commands done lately: a webhook may bring one twice, and unlike a request it leaves no row. */
  readonly #doneCommands = new Set<string>();
  readonly #faults = new Map<string, number>();

  constructor(deps: MessageAcceptorDeps, definition: ChannelDefinition, adapter: () => ChannelAdapter) {
    this.#deps = deps;
    this.#definition = definition;
    this.#adapter = adapter;
    this.#mentions = definition.spec.access.mentionPatterns.map(compileSafePattern);
    this.#conversations = new ConversationStore(deps, definition.spec, (message) =>
      adapter().conversation(message),
    );
    this.#turns = new TurnDesk(
      {
        ...deps,
        onHopeless: (error, message) => this.#tellNotSetUp(error, message),
        onUnreadable: (message) => void this.#answer(message, apology(message)).afterAck?.(),
      },
      { definition, adapter, conversations: this.#conversations },
    );
    this.#commands = new CommandDesk({
      definition,
      runs: deps.runs,
      conversations: this.#conversations,
      turns: this.#turns,
      pairing: deps.pairing,
    });
    this.#stopButton = new StopButton({
      runs: deps.runs,
      previews: deps.previews,
      commands: this.#commands,
      adapter,
    });
  }

  /** From now on messages that wait become turns. */
  start(): void {
    this.#turns.start();
  }

  async stop(): Promise<void> {
    await this.#turns.stop();
  }

  /** Durable when it resolves. Rejects when the event has to come again, such as while the database is away. */
  async accept(message: Message): Promise<Acceptance> {
    const acceptance = await this.#decide(message);
    const channel = this.#definition.metadata.name;
    this.#deps.metrics.channelMessages.inc({ channel, direction: 'in', status: acceptance.outcome });
    return acceptance;
  }

  async #decide(message: Message): Promise<Acceptance> {
    if (message.kind === 'interaction') return this.#press(message);
    if (message.kind !== 'message' && message.kind !== 'command') return { outcome: 'ignored' };
    const isCommand = message.kind === 'command' && message.from_bot !== true;
    const command = isCommand ? readCommand(message.text) : undefined;
    const access = await this.#access(message);
    if (access === 'denied') return { outcome: 'denied' };
    if (access === 'unpaired') {
      if (message.from_bot === true) return { outcome: 'denied' };
      if (command?.name === 'pair') return this.#once(message, () => this.#pair(command.argument, message));
      return this.#once(message, () => this.#prompt(message));
    }
    if (command !== undefined) {
      return this.#once(message, async () => {
        const reply = await this.#commands.obey(command, message);
        return reply === undefined ? { outcome: 'answered' } : this.#answer(message, reply);
      });
    }
    const decision = isCommand ? readApprovalCommand(message.text) : undefined;
    if (decision !== undefined) return this.#once(message, () => this.#decideApproval(decision, message));
    if (access === 'unaddressed' && !(await this.#belongsToTurn(message))) return this.#overhear(message);
    const says = message.text.trim() !== '' || message.album_id !== undefined;
    if (!says && !this.#turns.attachments.wants(message)) {
      return this.#answer(message, 'I can read text only. Please write what you need.');
    }
    return this.#submit(message);
  }

  async #access(message: Message): Promise<AccessVerdict> {
    const isAddressed = message.mentions_bot || this.#mentions.some((one) => one.found(message.text));
    const verdict = checkAccess(this.#definition.spec.access, message, isAddressed);
    if (verdict !== 'unpaired') return verdict;
    return (await this.#deps.pairing.pairing(userOf(message))) === undefined ? verdict : 'allowed';
  }

  async #pair(argument: string, message: Message): Promise<Acceptance> {
    return this.#answer(message, await this.#commands.pair(argument, message));
  }

  /** Tells a stranger how to be let in, rarely. */
  async #prompt(message: Message): Promise<Acceptance> {
    const code = await this.#deps.pairing.request({
      ...userOf(message),
      channel: this.#definition.metadata.name,
      userName: message.user_name,
    });
    if (code === undefined) return { outcome: 'denied' };
    return { ...this.#answer(message, pairingPrompt(code)), outcome: 'denied' };
  }

  /** Talk that is not meant for the bot: shown with the next turn where the channel wants that. */
  async #overhear(message: Message): Promise<Acceptance> {
    const { context } = this.#definition.spec.access;
    if (context === 0 || message.text.trim() === '') return { outcome: 'ignored' };
    await this.#turns.keepContext(message, await this.#conversations.of(message));
    return { outcome: 'ignored' };
  }

  /** Of an album only one picture has the words that call the bot. */
  async #belongsToTurn(message: Message): Promise<boolean> {
    if (message.album_id === undefined) return false;
    const { sessionKey } = await this.#conversations.of(message);
    return this.#turns.hasAlbum(sessionKey, message.album_id);
  }

  async #once(message: Message, obey: () => Promise<Acceptance>): Promise<Acceptance> {
    if (this.#doneCommands.has(message.dedupe_key)) return { outcome: 'duplicate' };
    const acceptance = await obey();
    this.#doneCommands.add(message.dedupe_key);
    if (this.#doneCommands.size > mostRemembered) {
      for (const oldest of this.#doneCommands) {
        this.#doneCommands.delete(oldest);
        break;
      }
    }
    return acceptance;
  }

  /** Only what a button of ours can say counts: its words never reach the agent. */
  async #press(message: Message): Promise<Acceptance> {
    const decision = readApprovalCommand(message.text);
    const stops = isStop(message.text);
    if (decision === undefined && !stops) return { outcome: 'ignored' };
    const access = await this.#access(message);
    if (access === 'denied' || access === 'unpaired') return { outcome: 'denied' };
    if (decision === undefined)
      return this.#once(message, async () => ({ outcome: await this.#stopButton.press(message) }));
    return this.#once(message, () => this.#decideApproval(decision, message));
  }

  async #decideApproval(command: ApprovalCommand, message: Message): Promise<Acceptance> {
    const channel = { definition: this.#definition, accountId: this.#adapter().accountId };
    return this.#answer(message, await obeyApprovalCommand(this.#deps.approvals, channel, message, command));
  }

  async #submit(message: Message): Promise<Acceptance> {
    try {
      const conversation = await this.#conversations.of(message);
      const botTurns = conversation.state.botTurns ?? 0;
      const isBot = message.from_bot === true;
      if (isBot && botTurns >= this.#definition.spec.access.botTurns) return { outcome: 'ignored' };
      const taken = await this.#turns.take(message, conversation);
      this.#faults.delete(message.dedupe_key);
      if (taken.outcome !== 'duplicate' && (isBot || botTurns > 0))
        await this.#conversations.change(message, { botTurns: isBot ? botTurns + 1 : 0 });
      return taken;
    } catch (error) {
      return this.#submitFailed(toAppError(error), message);
    }
  }

  #submitFailed(error: AppError, message: Message): Acceptance {
    // The platform's key is authoritative: session or agent may have changed since the first delivery of this event.
    if (error.code === 'idempotency_mismatch') {
      const { runId } = error.details ?? {};
      return { outcome: 'duplicate', error, ...(typeof runId === 'string' ? { runId } : {}) };
    }
    const faults = (this.#faults.get(message.dedupe_key) ?? 0) + 1;
    const hopeless =
      !error.retryable &&
      (error.fault === 'caller' || (error.fault === 'internal' && faults >= mostInternalFaults));
    if (!hopeless) {
      if (this.#faults.size >= mostRemembered) this.#faults.clear();
      if (error.fault === 'internal') this.#faults.set(message.dedupe_key, faults);
      throw error;
    }
    this.#faults.delete(message.dedupe_key);
    this.#logNotSetUp(error);
    return { ...this.#answer(message, notSetUp), outcome: 'rejected', error };
  }

  #tellNotSetUp(error: AppError, message: Message): void {
    this.#logNotSetUp(error);
    void this.#answer(message, notSetUp).afterAck?.();
  }

  #logNotSetUp(error: AppError): void {
    const { metadata, spec } = this.#definition;
    this.#deps.logger.error(
      { error, channel: metadata.name, agent: spec.agent },
      'a message could not be given to the agent',
    );
  }

  #answer(message: Message, text: string): Acceptance {
    const adapter = this.#adapter();
    const address = adapter.replyAddress(message);
    const { logger, clock } = this.#deps;
    return {
      outcome: 'answered',
      afterAck: async () => {
        const deadline = withDeadline(clock, courtesyTimeoutMs);
        try {
          for (const chunk of adapter.render(text))
            await adapter.sendChunk(address, chunk, { signal: deadline.signal });
        } catch (error) {
          logger.warn({ error }, 'a courtesy message was not sent');
        } finally {
          deadline.clear();
        }
      },
    };
  }
}

function userOf(message: Message) {
  return {
    tenant: defaultTenant,
    platform: message.platform,
    accountId: message.account_id,
    userId: message.user_id,
    ...(message.user_aliases === undefined ? {} : { aliases: message.user_aliases }),
  };
}
