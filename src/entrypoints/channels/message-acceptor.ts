import { AppError, toAppError, withDeadline, type Clock, type Json, type Logger } from '../../base/index.ts';
import type { ApprovalService, RunService } from '../../engine/runs/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import {
  defaultTenant,
  type AgentRequest,
  type ChannelDefinition,
  type Message,
  type Scope,
} from '../../protocol/index.ts';
import { checkAccess } from './access.ts';
import { obeyApprovalCommand, readApprovalCommand, type ApprovalCommand } from './approval-commands.ts';
import type { Acceptance, ChannelAdapter } from './channel-adapter.ts';
import type { ChannelState } from './channel-state.ts';
import { commandTexts, readCommand, type CommandName } from './chat-commands.ts';

const mostInternalFaults = 5;
const mostRemembered = 1000;
const courtesyTimeoutMs = 30_000;

/** What taking in messages stands on. */
export interface MessageAcceptorDeps {
  readonly runs: RunService;
  readonly approvals: ApprovalService;
  readonly storage: Storage;
  readonly state: ChannelState;
  readonly clock: Clock;
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
  /** Commands done lately: a webhook may bring one twice, and unlike a request it leaves no row. */
  readonly #doneCommands = new Set<string>();
  readonly #faults = new Map<string, number>();

  constructor(deps: MessageAcceptorDeps, definition: ChannelDefinition, adapter: () => ChannelAdapter) {
    this.#deps = deps;
    this.#definition = definition;
    this.#adapter = adapter;
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
    const command = message.kind === 'command' ? readCommand(message.text) : undefined;
    const access = checkAccess(this.#definition.spec.access, message);
    if (access === 'denied') return { outcome: 'denied' };
    if (command !== undefined) {
      return this.#once(message, () => this.#execute(command, message));
    }
    const decision = message.kind === 'command' ? readApprovalCommand(message.text) : undefined;
    if (decision !== undefined) return this.#once(message, () => this.#decideApproval(decision, message));
    if (access === 'unaddressed') return { outcome: 'ignored' };
    if (message.text.trim() === '') {
      return this.#answer(message, 'I can read text only. Please write what you need.');
    }
    return this.#submit(message);
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

  async #execute(command: CommandName, message: Message): Promise<Acceptance> {
    switch (command) {
      case 'start':
      case 'help':
        return this.#answer(message, commandTexts[command]);
      case 'new':
        // The event's own key as name of the conversation: doing it twice changes nothing.
        await this.#deps.state.set(this.#generationKey(message), message.dedupe_key);
        return this.#answer(message, commandTexts.new);
      case 'stop':
        // A stopped run answers for itself.
        if ((await this.#stopRuns(message)) > 0) return { outcome: 'answered' };
        return this.#answer(message, commandTexts.nothingToStop);
      default:
        return { outcome: 'ignored' };
    }
  }

  /** Only what a button of ours can say counts: its words never reach the agent. */
  async #press(message: Message): Promise<Acceptance> {
    const decision = readApprovalCommand(message.text);
    if (decision === undefined) return { outcome: 'ignored' };
    if (checkAccess(this.#definition.spec.access, message) === 'denied') return { outcome: 'denied' };
    return this.#once(message, () => this.#decideApproval(decision, message));
  }

  async #decideApproval(command: ApprovalCommand, message: Message): Promise<Acceptance> {
    const channel = { definition: this.#definition, accountId: this.#adapter().accountId };
    return this.#answer(message, await obeyApprovalCommand(this.#deps.approvals, channel, message, command));
  }

  async #stopRuns(message: Message): Promise<number> {
    const running = await this.#deps.storage.db
      .selectFrom('runs')
      .innerJoin('sessions', 'sessions.id', 'runs.session_id')
      .select('runs.id')
      .where('sessions.tenant', '=', defaultTenant)
      .where('sessions.key', '=', await this.#sessionKey(message))
      .where('runs.status', 'in', ['queued', 'running', 'waiting'])
      .where('runs.parent_run_id', 'is', null)
      .execute();
    let stopped = 0;
    for (const { id } of running) {
      try {
        await this.#deps.runs.cancel(scopeOf(message), id);
        stopped += 1;
      } catch (error) {
        // It ended in the meantime.
        if (!(error instanceof AppError && (error.code === 'conflict' || error.code === 'not_found')))
          throw error;
      }
    }
    return stopped;
  }

  async #submit(message: Message): Promise<Acceptance> {
    const scope = scopeOf(message);
    const request: AgentRequest = {
      source: message.platform,
      target: { kind: 'agent', name: this.#definition.spec.agent },
      input: { message: inputText(message) } satisfies Json,
      sessionKey: await this.#sessionKey(message),
      dedupeKey: message.dedupe_key,
      replyTo: this.#adapter().replyAddress(message),
      ...(message.attachments.length === 0 ? {} : { attachments: message.attachments }),
      timeoutMs: null,
      metadata: {
        channel: this.#definition.metadata.name,
        chat_type: message.chat_type,
        user_id: message.user_id,
        ...(message.user_name === undefined ? {} : { user_name: message.user_name }),
        ...(message.message_id === undefined ? {} : { message_id: message.message_id }),
      },
    };
    try {
      const { runId, duplicate } = await this.#deps.runs.submit(scope, request);
      this.#faults.delete(message.dedupe_key);
      if (duplicate) return { outcome: 'duplicate' };
      this.#deps.onSubmitted({ runId, scope, message });
      return { outcome: 'submitted' };
    } catch (error) {
      return this.#submitFailed(toAppError(error), message);
    }
  }

  #submitFailed(error: AppError, message: Message): Acceptance {
    // The platform's key is authoritative: session or agent may have changed since the first delivery of this event.
    if (error.code === 'idempotency_mismatch') return { outcome: 'duplicate' };
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
    this.#deps.logger.error(
      { error, channel: this.#definition.metadata.name, agent: this.#definition.spec.agent },
      'a message could not be given to the agent',
    );
    return {
      ...this.#answer(message, 'Sorry, I am not set up correctly. Please tell the operator.'),
      outcome: 'rejected',
    };
  }

  /** Conversation and its present generation: `/new` begins another one. */
  async #sessionKey(message: Message): Promise<string> {
    const generation = await this.#deps.state.get(this.#generationKey(message));
    const conversation = this.#adapter().conversation(message);
    return typeof generation?.value === 'string' ? `${conversation}#${generation.value}` : conversation;
  }

  #generationKey(message: Message) {
    return {
      tenant: defaultTenant,
      channel: message.platform,
      accountId: message.account_id,
      key: `generation:${this.#adapter().conversation(message)}`,
    };
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

/** Who acts: the person on the platform, with nothing but the right to talk to the agent and to let it use its tools. */
function scopeOf(message: Message): Scope {
  return {
    tenant: defaultTenant,
    principal: `${message.platform}:${message.account_id}:${message.user_id}`,
    scopes: ['agents:invoke', 'tools:execute'],
  };
}

/** What the agent reads. In a group the sender is named; a file that came along is visible as a placeholder. */
function inputText(message: Message): string {
  const files = message.attachments.map(
    (file) => `[${file.name ?? file.kind} attached; its content is not available]`,
  );
  const text = [message.text, ...files].join('\n');
  if (message.chat_type === 'dm') return text;
  const name = (message.user_name ?? '')
    .replaceAll(/[\p{C}\s:[\]]+/gu, ' ')
    .trim()
    .slice(0, 64);
  return `${name === '' ? `user ${message.user_id}` : name}: ${text}`;
}
