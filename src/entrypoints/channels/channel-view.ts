import { defaultTargetOf, type ChannelDefinition } from '../../protocol/index.ts';
import type { ChannelAdapter, ChannelStatus } from './channel-adapter.ts';

/** A channel as it is shown. Times are ISO 8601. */
export interface ChannelView {
  readonly name: string;
  readonly platform: string;
  readonly agent: string;
  readonly mode: string;
  readonly accountId: string | null;
  /** Where its platform calls: a path of this server, and the public address where the definition has one. */
  readonly webhook: { readonly path: string; readonly url: string | null };
  readonly status: ChannelStatus;
  readonly error: string | null;
  readonly lastInAt: string | null;
  readonly lastOutAt: string | null;
}

/** What is known of a channel. Times in epoch milliseconds. */
export interface ShownChannel {
  readonly definition: ChannelDefinition;
  readonly adapter: ChannelAdapter | undefined;
  readonly status: ChannelStatus;
  readonly error: string | null;
  readonly lastInAt: number | null;
  readonly lastOutAt: number | null;
}

/** A channel as it is shown. */
export function viewOf(channel: ShownChannel): ChannelView {
  const { definition, adapter, status, error, lastInAt, lastOutAt } = channel;
  const at = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
  return {
    name: definition.metadata.name,
    platform: definition.spec.platform,
    agent: answeringName(definition),
    mode: definition.spec.mode,
    accountId: adapter?.accountId ?? null,
    webhook: webhookOf(definition, adapter),
    status,
    error,
    lastInAt: at(lastInAt),
    lastOutAt: at(lastOutAt),
  };
}

/** The agent, or what answers in its place with its kind; empty where nothing does by default. */
function answeringName({ spec }: ChannelDefinition): string {
  const target = defaultTargetOf(spec);
  if (target === undefined) return '';
  return target.kind === 'agent' ? target.name : `${target.kind} ${target.name}`;
}

function webhookOf(
  { spec, metadata }: ChannelDefinition,
  adapter: ChannelAdapter | undefined,
): ChannelView['webhook'] {
  const path = adapter?.intakePath ?? `/webhooks/${spec.platform}/${metadata.name}`;
  const given = 'webhook' in spec ? spec.webhook?.url : undefined;
  if (given === undefined) return { path, url: null };
  const url = new URL(given);
  if (url.pathname === '/') url.pathname = path;
  return { path, url: url.href };
}
