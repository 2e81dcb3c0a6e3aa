import { readMrkdwn } from './slack-payloads.ts';

/** A file that the bot has shared. */
export interface SentSlackFile {
  readonly id: string;
  readonly channel: string;
  readonly threadTs: string | undefined;
  readonly name: string;
  readonly bytes: Buffer;
}

/** A message that the bot has posted, as it stands there now. */
export interface SentSlackMessage {
  readonly ts: string;
  readonly channel: string;
  /** What a person sees, markup taken away. */
  readonly text: string;
  /** What the bot posted. */
  readonly source: string;
  readonly threadTs: string | undefined;
  readonly clientMessageId: string | undefined;
  /** What can be pressed below it. */
  readonly buttons: readonly { readonly text: string; readonly actionId: string; readonly value: string }[];
  /** It grows, and cannot be changed until its stream is stopped. */
  readonly isStreaming: boolean;
  /** What it said before, oldest first. */
  readonly earlier: readonly string[];
}

interface SlackBlock {
  readonly type: string;
  readonly text?: { readonly text: string };
  readonly elements?: readonly { text: { text: string }; action_id: string; value: string }[];
}

/** What `chat.postMessage` makes of its parameters, or how it refuses them. */
export function readSlackPost(
  parameters: Readonly<Record<string, unknown>>,
): Omit<SentSlackMessage, 'ts'> | { readonly error: string } {
  const source = typeof parameters['text'] === 'string' ? parameters['text'] : '';
  const blocks = (parameters['blocks'] ?? []) as readonly SlackBlock[];
  if (source === '' && blocks.length === 0) return { error: 'no_text' };
  if (source.length > 40_000) return { error: 'msg_too_long' };
  if (blocks.length > 50 || blocks.some((block) => (block.text?.text ?? '').length > 3000)) {
    return { error: 'invalid_blocks' };
  }
  const shown = blocks.flatMap((block) => (block.type === 'section' ? [block.text?.text ?? ''] : []));
  const text = shown.length > 0 ? shown.join('\n') : source;
  return {
    channel: String(parameters['channel']),
    source,
    text: readMrkdwn(text, { marks: parameters['mrkdwn'] !== false }),
    threadTs: parameters['thread_ts'] as string | undefined,
    clientMessageId: parameters['client_msg_id'] as string | undefined,
    buttons: blocks
      .flatMap((block) => block.elements ?? [])
      .map(({ text: label, action_id: actionId, value }) => ({ text: label.text, actionId, value })),
    isStreaming: false,
    earlier: [],
  };
}
