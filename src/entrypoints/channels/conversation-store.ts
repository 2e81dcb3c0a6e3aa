import { sql } from 'kysely';
import { GroupedCalls, type Clock } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { defaultTenant, type ChannelDefinition, type Message } from '../../protocol/index.ts';

/** What a conversation remembers beside its history. `null`: nothing chosen. */
export interface ConversationState {
  /** Names the present history; another one begins another. */
  readonly generation?: string | null;
  /** Chosen with `/agent`. */
  readonly agent?: string | null;
  /** Chosen with `/model`. */
  readonly model?: string | null;
  /** Messages of bots in a row. */
  readonly botTurns?: number | null;
}

/** A conversation as it stands when a message of it arrives. */
export interface Conversation {
  readonly key: string;
  readonly state: ConversationState;
  /** Key of the session in the engine: account, chat, thread, and the present generation. */
  readonly sessionKey: string;
  /** Runs of it that are queued or executed. */
  readonly activeRunIds: readonly string[];
  /** Runs of it that wait for a person or a moment; they hold nothing up. */
  readonly waitingRunIds: readonly string[];
  /** Messages that wait for their turn. */
  readonly waitingMessages: number;
  /** This very message waits already. */
  readonly isWaiting: boolean;
}

interface AskedConversation {
  readonly channel: string;
  readonly account: string;
  readonly key: string;
  readonly dedupe_key: string;
}

interface ConversationRow {
  state: ConversationState | null;
  session_key: string;
  updated_at: Date | null;
  active: readonly string[] | null;
  held: readonly string[] | null;
  waiting: number;
  known: boolean;
}

const mostAtOnce = 100;
const sideBySide = 2;

/** Conversations of one channel. */
export class ConversationStore {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock };
  readonly #spec: ChannelDefinition['spec'];
  readonly #keyOf: (message: Message) => string;
  readonly #reads: GroupedCalls<AskedConversation, ConversationRow>;

  constructor(
    deps: { readonly storage: Storage; readonly clock: Clock },
    spec: ChannelDefinition['spec'],
    keyOf: (message: Message) => string,
  ) {
    this.#deps = deps;
    this.#spec = spec;
    this.#keyOf = keyOf;
    this.#reads = new GroupedCalls({
      call: (asked) => readConversations(deps.storage, asked),
      most: mostAtOnce,
      sideBySide,
    });
  }

  /** The conversation of a message; one that rested for longer than `session.ttl` begins anew. */
  async of(message: Message): Promise<Conversation> {
    const key = this.#key(message);
    const conversation = await this.#load(message, key);
    const { ttl } = this.#spec.session;
    const { session, ...present } = conversation;
    const rested =
      ttl !== undefined &&
      session !== null &&
      present.activeRunIds.length === 0 &&
      present.waitingRunIds.length === 0 &&
      present.waitingMessages === 0 &&
      this.#deps.clock.now() - session.getTime() > ttl;
    if (!rested) return present;
    // The event's own key as name of the generation: taken in twice it changes nothing.
    await this.change(message, { generation: message.dedupe_key });
    const { session: _fresh, ...renewed } = await this.#load(message, key);
    return renewed;
  }

  /** Changes what the conversation remembers; other fields keep their values. */
  async change(message: Message, change: ConversationState): Promise<void> {
    await sql`
      insert into channel_state as present (tenant, channel, account_id, key, value, updated_at)
      values (${defaultTenant}, ${message.platform}, ${message.account_id}, ${stateKey(this.#key(message))},
        ${JSON.stringify(change)}::jsonb, now())
      on conflict (tenant, channel, account_id, key)
        do update set value = present.value || excluded.value, updated_at = excluded.updated_at`.execute(
      this.#deps.storage.db,
    );
  }

  /** What the conversation of a message remembers. */
  state(message: Message): Promise<ConversationState> {
    return this.#read(message, this.#key(message));
  }

  /** Runs of a session that are queued or executed, oldest first. */
  async activeRunIds(sessionKey: string): Promise<readonly string[]> {
    const rows = await this.#deps.storage.db
      .selectFrom('runs')
      .innerJoin('sessions', 'sessions.id', 'runs.session_id')
      .select('runs.id')
      .where('sessions.tenant', '=', defaultTenant)
      .where('sessions.key', '=', sessionKey)
      .where('runs.status', 'in', ['queued', 'running'])
      .where('runs.parent_run_id', 'is', null)
      .orderBy('runs.created_at')
      .execute();
    return rows.map((row) => row.id);
  }

  #key(message: Message): string {
    const { prefix } = this.#spec.session;
    const key = this.#keyOf(message);
    return prefix === undefined ? key : `${prefix}${key.slice(key.indexOf(':'))}`;
  }

  async #read(message: Message, key: string): Promise<ConversationState> {
    const row = await this.#deps.storage.db
      .selectFrom('channel_state')
      .select('value')
      .where('tenant', '=', defaultTenant)
      .where('channel', '=', message.platform)
      .where('account_id', '=', message.account_id)
      .where('key', '=', stateKey(key))
      .executeTakeFirst();
    return (row?.value ?? {}) as ConversationState;
  }

  async #load(message: Message, key: string) {
    const row = await this.#reads.add({
      channel: message.platform,
      account: message.account_id,
      key,
      dedupe_key: message.dedupe_key,
    });
    return {
      key,
      state: row.state ?? {},
      sessionKey: row.session_key,
      session: row.updated_at === null ? null : new Date(row.updated_at),
      activeRunIds: row.active ?? [],
      waitingRunIds: row.held ?? [],
      waitingMessages: row.waiting,
      isWaiting: row.known,
    };
  }
}

/** What is known of several conversations, in one statement. */
async function readConversations(
  storage: Storage,
  asked: readonly AskedConversation[],
): Promise<readonly ConversationRow[]> {
  const { rows } = await sql<ConversationRow>`
    with asked as materialized (
      select a.*, state.value as state, a.key || case when jsonb_typeof(state.value->'generation') = 'string'
        then '#' || (state.value->>'generation') else '' end as session_key
      from jsonb_to_recordset(${JSON.stringify(asked.map((one, place) => ({ ...one, place })))}::jsonb)
        as a(place int, channel text, account text, key text, dedupe_key text)
      left join channel_state state on state.tenant = ${defaultTenant} and state.channel = a.channel
        and state.account_id = a.account and state.key = ${stateKey('')} || a.key
    )
    select a.state, a.session_key, s.updated_at, r.active, r.held,
      (select count(*)::int from chat_messages where tenant = ${defaultTenant} and session_key = a.session_key
        and kind = 'waiting') as waiting,
      exists(select from chat_messages where tenant = ${defaultTenant} and source = a.channel
        and dedupe_key = a.dedupe_key and kind = 'waiting') as known
    from asked a left join sessions s on s.tenant = ${defaultTenant} and s.key = a.session_key
    left join lateral (
      select jsonb_agg(id order by id) filter (where status <> 'waiting') as active,
        jsonb_agg(id order by id) filter (where status = 'waiting') as held
      from runs where session_id = s.id and status in ('queued', 'running', 'waiting') and parent_run_id is null
    ) r on true
    order by a.place`.execute(storage.db);
  return rows;
}

const stateKey = (key: string): string => `conversation:${key}`;
