import { createHmac } from 'node:crypto';

/** What a person does in Slack; anything of Slack's event can be given in `extra`. */
export interface SlackUserMessage {
  /** `C…` channel, `D…` direct message, `G…` private group. */
  readonly channel: string;
  readonly user?: string;
  /** Without the mention. */
  readonly text?: string;
  /** Begins the text with a mention of the bot. */
  readonly mention?: boolean;
  readonly threadTs?: string;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Headers of a call that Slack signs. */
export function signedSlackHeaders(
  secret: string,
  body: string | Uint8Array,
  options: { nowMs: number; contentType?: string },
): Record<string, string> {
  const stamp = String(Math.floor(options.nowMs / 1000));
  const signature = createHmac('sha256', secret).update(`v0:${stamp}:`).update(body).digest('hex');
  return {
    'content-type': options.contentType ?? 'application/json',
    'x-slack-request-timestamp': stamp,
    'x-slack-signature': `v0=${signature}`,
  };
}

/** The ids of a workspace and the app in it. */
export interface SlackIds {
  readonly teamId: string;
  readonly appId: string;
  readonly botUserId: string;
}

/** An event of the Events API in its envelope. */
export function slackEvent(
  ids: SlackIds,
  eventId: string,
  event: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return {
    token: 'outdated-verification-token',
    team_id: ids.teamId,
    api_app_id: ids.appId,
    event,
    type: 'event_callback',
    event_id: eventId,
    event_time: 1_767_225_600,
    authorizations: [
      {
        enterprise_id: null,
        team_id: ids.teamId,
        user_id: ids.botUserId,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: false,
    event_context: `4-${eventId}`,
  };
}

/** The events that one message causes: in channels a mention comes twice. */
export function slackMessageEvents(
  ids: SlackIds,
  ts: string,
  { channel, user = 'U7', text = '', mention = false, threadTs, extra = {} }: SlackUserMessage,
): Record<string, unknown>[] {
  const isDm = channel.startsWith('D');
  const event = {
    user,
    type: 'message',
    ts,
    client_msg_id: `client-${ts}`,
    text: mention ? `<@${ids.botUserId}> ${text}` : text,
    team: ids.teamId,
    ...(threadTs === undefined ? {} : { thread_ts: threadTs, parent_user_id: user }),
    channel,
    event_ts: ts,
    channel_type: isDm ? 'im' : channel.startsWith('G') ? 'mpim' : 'channel',
    ...extra,
  };
  if (!mention || isDm) return [event];
  const { channel_type: _type, ...shared } = event;
  return [event, { ...shared, type: 'app_mention' }];
}

/** A message in mrkdwn as a person sees it, markup taken away; without `marks` only its entities are read. */
export function readMrkdwn(text: string, { marks }: { marks: boolean }): string {
  return (marks ? withoutMarks(text) : text)
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function withoutMarks(text: string): string {
  const parts = text.split(/```\n?([^]*?)\n?```|`([^`\n]+)`/);
  return parts
    .map((part, index) => (index % 3 === 0 ? withoutStyles(part ?? '') : (part ?? '')))
    .join('')
    .replaceAll('\u200B', '');
}

function withoutStyles(text: string): string {
  let shown = text.replaceAll(/<[^<>|]*\|([^<>]*)>/g, '$1');
  for (const mark of [/\*/, /_/, /~/].map((one) => one.source)) {
    const other = `[^\\n${mark}]`;
    const styled = `(?<![\\p{L}\\p{N}])${mark}(?![\\s\u200B])(${other}*?(?<!\\s)${other}?)${mark}(?![\\p{L}\\p{N}])`;
    shown = shown.replaceAll(new RegExp(styled, 'gu'), '$1');
  }
  return shown;
}
