import { AppError, visibleLine } from '../../base/index.ts';
import type { RunService } from '../../engine/runs/index.ts';
import { defaultTenant, type ChannelDefinition, type Message } from '../../protocol/index.ts';
import { commandTexts, type WrittenCommand } from './chat-commands.ts';
import type { Conversation, ConversationState, ConversationStore } from './conversation-store.ts';
import type { PairingManager } from './pairing/pairing-manager.ts';
import type { TurnDesk } from './turn-desk.ts';
import { scopeOf } from './turn-request.ts';

/** What commands stand on. */
export interface CommandDeskDeps {
  readonly definition: ChannelDefinition;
  readonly runs: Pick<RunService, 'cancel'>;
  readonly conversations: ConversationStore;
  readonly turns: TurnDesk;
  readonly pairing: PairingManager;
}

/** Carries out what people command; nothing of it waits for a turn. */
export class CommandDesk {
  readonly #deps: CommandDeskDeps;

  constructor(deps: CommandDeskDeps) {
    this.#deps = deps;
  }

  /** Resolves with the reply in Markdown; `undefined`: what it caused answers for itself. */
  async obey({ name, argument }: WrittenCommand, message: Message): Promise<string | undefined> {
    switch (name) {
      case 'start':
      case 'help':
        return commandTexts[name];
      case 'new': {
        const { sessionKey } = await this.#settled(message);
        // The event's own key as name of the conversation: doing it twice changes nothing.
        if (!sessionKey.endsWith(`#${message.dedupe_key}`))
          await this.#deps.conversations.change(message, { generation: message.dedupe_key });
        return commandTexts.new;
      }
      case 'stop':
        return this.#stop(message);
      case 'status':
        return this.#status(message);
      case 'agent':
        return this.#chooseAgent(argument, message);
      case 'model':
        return this.#chooseModel(argument, message);
      case 'pair':
        return this.pair(argument, message);
      default:
        return undefined;
    }
  }

  /** `/pair CODE`, also from people who are not let in yet. */
  async pair(argument: string, message: Message): Promise<string> {
    if (message.chat_type !== 'dm') return commandTexts.pairHere;
    if (argument === '') return commandTexts.pairUsage;
    const user = {
      tenant: defaultTenant,
      platform: message.platform,
      accountId: message.account_id,
      userId: message.user_id,
      ...(message.user_aliases === undefined ? {} : { aliases: message.user_aliases }),
    };
    try {
      const isRight = await this.#deps.pairing.verifyCode(argument, user);
      return isRight ? commandTexts.paired : commandTexts.notPaired;
    } catch (error) {
      if (error instanceof AppError && error.code === 'rate_limited') return commandTexts.tooManyTries;
      throw error;
    }
  }

  /** The conversation with nothing waiting in it: what was written before a command is not part of what comes after. */
  async #settled(message: Message): Promise<Conversation> {
    const conversation = await this.#deps.conversations.of(message);
    if (conversation.waitingMessages === 0) return conversation;
    await this.#deps.turns.flush(conversation.sessionKey);
    return this.#deps.conversations.of(message);
  }

  async #stop(message: Message): Promise<string | undefined> {
    const { activeRunIds, waitingRunIds } = await this.#settled(message);
    let stopped = 0;
    for (const id of [...activeRunIds, ...waitingRunIds]) {
      try {
        await this.#deps.runs.cancel(scopeOf(message), id);
        stopped += 1;
      } catch (error) {
        // It ended in the meantime.
        if (!(error instanceof AppError && (error.code === 'conflict' || error.code === 'not_found')))
          throw error;
      }
    }
    // A stopped run answers for itself.
    return stopped > 0 ? undefined : commandTexts.nothingToStop;
  }

  async #status(message: Message): Promise<string> {
    const { state, activeRunIds, waitingRunIds, waitingMessages } =
      await this.#deps.conversations.of(message);
    const model = this.#modelOf(state);
    const line = (count: number, one: string, more: string): readonly string[] =>
      count === 0 ? [] : [`- ${count} ${count === 1 ? one : more}`];
    return [
      `- Answered by: \`${this.#answeredBy(message, state)}\``,
      ...(model === undefined ? [] : [`- Model: \`${model}\``]),
      ...line(activeRunIds.length, 'answer in progress', 'answers in progress'),
      ...line(waitingRunIds.length, 'answer waits for a decision', 'answers wait for decisions'),
      ...line(waitingMessages, 'message waits for its turn', 'messages wait for their turn'),
      ...(activeRunIds.length + waitingRunIds.length + waitingMessages === 0
        ? ['- Nothing in progress']
        : []),
    ].join('\n');
  }

  #answeredBy(message: Message, state: ConversationState): string {
    const { target } = this.#deps.turns.targetOf({ ...message, text: '' }, state);
    return target.kind === 'agent' ? target.name : `${target.kind} ${target.name}`;
  }

  #modelOf(state: ConversationState): string | undefined {
    return this.#deps.definition.spec.models.find((name) => name === state.model);
  }

  async #chooseAgent(argument: string, message: Message): Promise<string> {
    const { agent, agents } = this.#deps.definition.spec;
    const allowed = [...new Set([agent, ...agents])].filter((name) => name !== undefined);
    const state = await this.#deps.conversations.state(message);
    if (argument === '')
      return listed(`Answered by \`${this.#answeredBy(message, state)}\`.`, 'agent', allowed);
    if (argument === 'default') {
      await this.#deps.conversations.change(message, { agent: null });
      return 'Who answers is decided by the settings again.';
    }
    if (!allowed.includes(argument)) return listed(unknown('agent', argument), 'agent', allowed);
    await this.#settled(message);
    await this.#deps.conversations.change(message, { agent: argument });
    return `From now on \`${argument}\` answers here.`;
  }

  async #chooseModel(argument: string, message: Message): Promise<string> {
    const { models } = this.#deps.definition.spec;
    if (models.length === 0) return 'The language model cannot be chosen here.';
    const state = await this.#deps.conversations.state(message);
    const now = this.#modelOf(state);
    if (argument === '')
      return listed(
        now === undefined ? 'The agent’s own model is used.' : `Model: \`${now}\`.`,
        'model',
        models,
      );
    if (argument === 'default') {
      await this.#deps.conversations.change(message, { model: null });
      return 'The agent’s own model is used again.';
    }
    if (!models.includes(argument)) return listed(unknown('model', argument), 'model', models);
    await this.#settled(message);
    await this.#deps.conversations.change(message, { model: argument });
    return `From now on \`${argument}\` is used here.`;
  }
}

const unknown = (what: string, name: string): string =>
  `There is no ${what} \`${visibleLine(name, 60).replaceAll('`', '')}\` to choose.`;

function listed(first: string, command: string, names: readonly string[]): string {
  if (names.length < 2 && command === 'agent') return `${first} There is no other one to choose.`;
  const choices = names.map((name) => `- \`/${command} ${name}\``);
  return [first, '', ...choices, `- \`/${command} default\``].join('\n');
}
