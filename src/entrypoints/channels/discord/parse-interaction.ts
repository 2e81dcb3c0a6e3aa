import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { Attachment, Message } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readAttachment } from './attachments.ts';
import { optionsAsJson, readCommandInput, readFormFields, type CommandInput } from './command-options.ts';
import { readable } from './read-content.ts';
import { lenient, snowflake, timeOfSnowflake } from './snowflake.ts';

/** Kinds of interactions that Discord sends. */
export const interactionTypes = { ping: 1, command: 2, component: 3, autocomplete: 4, form: 5 } as const;

/** The command by which people talk to the agent where Discord does not show it their messages. */
export const askCommand = { name: 'agent33', option: 'message' } as const;

/** It becomes a part of addresses, and a row. */
const interactionToken = /^[!-~]{1,1000}$/;
const groupDirectMessage = 3;
const threadTypes = new Set([10, 11, 12]);
const attachmentOption = 11;
const record = z.record(z.string(), z.unknown());

const user = z.object({
  id: snowflake,
  username: lenient(z.string()),
  global_name: lenient(z.string()),
});
const interaction = z.object({
  id: snowflake,
  type: z.int(),
  application_id: lenient(z.string()),
  // One that cannot be read must not pass for a direct message.
  guild_id: snowflake.nullish(),
  channel_id: lenient(snowflake),
  channel: lenient(
    z.object({ id: lenient(snowflake), type: lenient(z.int()), parent_id: lenient(snowflake) }),
  ),
  member: lenient(z.object({ nick: lenient(z.string()), user: lenient(user) })),
  user: lenient(user),
  context: lenient(z.int()),
  message: lenient(z.object({ id: lenient(snowflake) })),
  data: lenient(record),
});

type Interaction = z.output<typeof interaction>;

/** What reading needs to know. `ownCommands`: names whose options are written without their names. */
export interface InteractionContext {
  readonly applicationId: string;
  readonly nowMs: number;
  readonly ownCommands: ReadonlySet<string>;
}

/** What a person did, in words, with its structure. */
interface Deed {
  readonly text: string;
  readonly kind: Message['kind'];
  readonly structure: JsonObject;
  readonly attachments: readonly Attachment[];
}

/** True for what Discord sends as an interaction, whatever its type. */
export function isInteraction(update: unknown): update is JsonObject {
  if (!isJsonObject(update) || typeof update['type'] !== 'number') return false;
  return typeof update['token'] === 'string' && interactionToken.test(update['token']);
}

/** An interaction as a message of the pipeline: commands with their options as `name=value`. Never throws. */
export function parseInteraction(update: JsonObject, context: InteractionContext): ParsedUpdate {
  const parsed = interaction.safeParse(update);
  if (!parsed.success) return { ignored: 'an interaction without id or type' };
  const source = parsed.data;
  if (typeof source.application_id === 'string' && source.application_id !== context.applicationId)
    return { ignored: 'an interaction for another application' };
  const from = source.member?.user ?? source.user;
  const place = source.channel_id ?? source.channel?.id;
  if (from === undefined || from === null || place === undefined || place === null)
    return { ignored: 'an interaction without user or channel' };
  const deed = readDeed(source, context.ownCommands);
  if (deed === undefined) return { ignored: 'an interaction of a kind that is not handled' };
  const name = source.member?.nick ?? from.global_name ?? from.username;
  const inGroup =
    typeof source.guild_id === 'string' ||
    source.channel?.type === groupDirectMessage ||
    source.context === 2;
  const parent = threadTypes.has(source.channel?.type ?? -1) ? source.channel?.parent_id : undefined;
  const messageId = source.message?.id;
  return {
    message: {
      platform: 'discord',
      account_id: context.applicationId,
      channel_id: typeof parent === 'string' ? parent : place,
      ...(typeof source.guild_id === 'string' ? { guild_id: source.guild_id } : {}),
      user_id: from.id,
      ...(typeof name === 'string' ? { user_name: name } : {}),
      text: deed.text,
      timestamp: timeOfSnowflake(source.id, context.nowMs),
      ...(typeof parent === 'string' ? { thread_id: place } : {}),
      ...(typeof messageId === 'string' ? { message_id: messageId } : {}),
      kind: deed.kind,
      chat_type: inGroup ? 'group' : 'dm',
      mentions_bot: true,
      attachments: deed.attachments,
      dedupe_key: `discord:${context.applicationId}:${source.id}`,
      metadata: {
        interaction: { id: source.id, type: source.type, ...deed.structure },
        // Whoever has the token can answer in the bot's name.
        raw: { ...update, token: '<token>' },
      },
    },
  };
}

function readDeed(source: Interaction, ownCommands: ReadonlySet<string>): Deed | undefined {
  const data = source.data ?? {};
  switch (source.type) {
    case interactionTypes.command:
      return readCommandDeed(data, ownCommands);
    case interactionTypes.component: {
      const id = data['custom_id'];
      if (typeof id !== 'string' || id === '') return undefined;
      const values = Array.isArray(data['values']) ? data['values'].filter(isText).slice(0, 25) : [];
      return {
        text: [id, ...values].join(' '),
        kind: 'interaction',
        structure: { custom_id: id, values },
        attachments: [],
      };
    }
    case interactionTypes.form: {
      const id = data['custom_id'];
      if (typeof id !== 'string' || id === '') return undefined;
      const fields = readFormFields(data['components']);
      return {
        text: [id, ...fields.map(([name, value]) => `${name}=${value}`)].join(' '),
        kind: 'interaction',
        structure: { custom_id: id, fields: Object.fromEntries(fields) },
        attachments: [],
      };
    }
    default:
      return undefined;
  }
}

function readCommandDeed(
  data: Readonly<Record<string, unknown>>,
  ownCommands: ReadonlySet<string>,
): Deed | undefined {
  const { name } = data;
  if (typeof name !== 'string' || name === '') return undefined;
  const input = readCommandInput(data['options']);
  const structure = { name, ...optionsAsJson(input) };
  const resolved = isJsonObject(data['resolved']) ? data['resolved'] : {};
  const files = isJsonObject(resolved['attachments']) ? resolved['attachments'] : {};
  const attachments = input.options
    .filter((option) => option.type === attachmentOption)
    .flatMap((option) => readAttachment(files[String(option.value)]) ?? []);
  const isAsk = name === askCommand.name && input.options.some(({ name }) => name === askCommand.option);
  if (isAsk) {
    const text = input.options.find((option) => option.name === askCommand.option)?.value;
    const people = isJsonObject(resolved['users']) ? Object.values(resolved['users']) : [];
    const words = readable(String(text), people, { botId: '' });
    return { text: words, kind: 'message', structure, attachments };
  }
  const written = ownCommands.has(name)
    ? input.options.map((option) => String(option.value))
    : namedOptions(input, attachments);
  return {
    text: [`/${name}`, ...input.subcommands, ...written, ...targetOf(data, resolved)].join(' '),
    kind: 'command',
    structure,
    attachments,
  };
}

function namedOptions({ options }: CommandInput, attachments: readonly Attachment[]): readonly string[] {
  return options.map(({ name, value, type }) => {
    const file = type === attachmentOption ? attachments.find(({ id }) => id === value)?.name : undefined;
    return `${name}=${file ?? String(value)}`;
  });
}

/** A command of a context menu is about a message or a person. */
function targetOf(data: Readonly<Record<string, unknown>>, resolved: JsonObject): readonly string[] {
  const id = data['target_id'];
  if (typeof id !== 'string') return [];
  const messages = isJsonObject(resolved['messages']) ? resolved['messages'] : {};
  const message = messages[id];
  const content = isJsonObject(message) ? message['content'] : undefined;
  return [`target=${id}`, ...(typeof content === 'string' && content !== '' ? [`\n${content}`] : [])];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
