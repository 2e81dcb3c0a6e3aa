import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../../../base/index.ts';
import { defaultTenant } from '../../../protocol/index.ts';
import type { ChatCommand } from '../channel-adapter.ts';
import type { ChannelState, StateKey } from '../channel-state.ts';
import type { DiscordApi } from './discord-api.ts';
import { askCommand } from './parse-interaction.ts';

const callTimeoutMs = 10_000;
const slash = 1;
const textOption = 3;
const longestDescription = 100;
const longestText = 6000;

/** Commands by which people decide what an agent asks. */
const decisions: readonly (ChatCommand & { readonly more: string; readonly needsMore: boolean })[] = [
  { name: 'approve', description: 'Approve what the agent asks', more: 'comment', needsMore: false },
  { name: 'reject', description: 'Reject what the agent asks', more: 'reason', needsMore: false },
  { name: 'answer', description: 'Answer what the agent asks', more: 'text', needsMore: true },
];

/** Names of the commands whose options are written without their names. */
export function ownCommandNames(commands: readonly ChatCommand[]): ReadonlySet<string> {
  return new Set([...commands, ...decisions].map(({ name }) => name));
}

/**
 * Registers the slash commands for the whole application, unless the same ones were registered last. Each is added or
 * replaced by its name, so that commands of others stay. Throws `DiscordApiError`.
 */
export async function registerCommands(
  deps: { readonly api: DiscordApi; readonly state: ChannelState; readonly applicationId: string },
  commands: readonly ChatCommand[],
  signal: AbortSignal,
): Promise<void> {
  const wanted = slashCommands(commands);
  const digest = createHash('sha256').update(canonicalJson(wanted)).digest('hex');
  const key: StateKey = {
    tenant: defaultTenant,
    channel: 'discord',
    accountId: deps.applicationId,
    key: 'commands',
  };
  if ((await deps.state.get(key))?.value === digest) return;
  for (const command of wanted) {
    await deps.api({
      method: 'POST',
      path: `/applications/${deps.applicationId}/commands`,
      route: `registering commands of ${deps.applicationId}`,
      body: command,
      as: 'bot',
      signal,
      timeoutMs: callTimeoutMs,
    });
  }
  await deps.state.set(key, digest);
}

function slashCommands(commands: readonly ChatCommand[]): JsonObject[] {
  return [
    command(askCommand.name, 'Talk to the agent', [text(askCommand.option, 'What you want to say', true)]),
    ...commands.map(({ name, description, argument }) =>
      command(name, description, argument === undefined ? [] : [text(argument, argument, false)]),
    ),
    ...decisions.map(({ name, description, more, needsMore }) =>
      command(name, description, [
        text('code', 'The code in the question', true),
        text(more, more, needsMore),
      ]),
    ),
  ];
}

function command(name: string, description: string, options: readonly JsonObject[]): JsonObject {
  return { type: slash, name, description: description.slice(0, longestDescription), options: [...options] };
}

function text(name: string, description: string, required: boolean): JsonObject {
  return {
    type: textOption,
    name,
    description: description.slice(0, longestDescription),
    required,
    max_length: longestText,
  };
}
