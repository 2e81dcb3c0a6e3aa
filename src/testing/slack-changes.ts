import { readSlackPost, type SentSlackMessage } from './slack-post.ts';

type Parameters = Readonly<Record<string, unknown>>;

/** What a call is answered with. */
export type SlackAnswer =
  | { readonly result: object }
  | { readonly error: string; readonly status?: number; readonly retryAfter?: number };

/** What `chat.update` does to the messages there are. */
export function updateSlackPost(messages: readonly SentSlackMessage[], parameters: Parameters): SlackAnswer {
  const message = find(messages, parameters);
  if (message === undefined) return { error: 'message_not_found' };
  if (message.isStreaming) return { error: 'streaming_state_conflict' };
  const post = readSlackPost(parameters);
  if ('error' in post) return post;
  const { text, source, buttons } = post;
  Object.assign(message, { text, source, buttons, earlier: [...message.earlier, message.text] });
  return { result: { channel: message.channel, ts: message.ts } };
}

/** What the methods of streams do to the messages there are. */
export function streamSlackPost(
  method: string,
  parameters: Parameters,
  { messages, nextTs }: { readonly messages: SentSlackMessage[]; readonly nextTs: () => string },
): SlackAnswer {
  const text = typeof parameters['markdown_text'] === 'string' ? parameters['markdown_text'] : '';
  if (text.length > 12_000) return { error: 'msg_too_long' };
  if (method === 'chat.startStream') {
    const channel = String(parameters['channel']);
    if (parameters['thread_ts'] === undefined) return { error: 'invalid_thread_ts' };
    const isAddressed = parameters['recipient_user_id'] !== undefined;
    if (!channel.startsWith('D') && !(isAddressed && parameters['recipient_team_id'] !== undefined))
      return { error: 'missing_recipient_team_id' };
    const post = readSlackPost({ ...parameters, text: text === '' ? ' ' : text });
    if ('error' in post) return post;
    const message = { ts: nextTs(), ...post, text, source: text, isStreaming: true };
    messages.push(message);
    return { result: { channel, ts: message.ts } };
  }
  const message = find(messages, parameters);
  if (message === undefined) return { error: 'message_not_found' };
  if (!message.isStreaming) return { error: 'message_not_in_streaming_state' };
  if (method === 'chat.appendStream' && text === '') return { error: 'no_text' };
  const source = message.source + text;
  if (source.length > 40_000) return { error: 'msg_too_long' };
  const earlier = text === '' ? message.earlier : [...message.earlier, message.text];
  Object.assign(message, { source, text: source, earlier, isStreaming: method === 'chat.appendStream' });
  return { result: { channel: message.channel, ts: message.ts } };
}

function find(messages: readonly SentSlackMessage[], parameters: Parameters): SentSlackMessage | undefined {
  return messages.find(({ ts, channel }) => ts === parameters['ts'] && channel === parameters['channel']);
}
