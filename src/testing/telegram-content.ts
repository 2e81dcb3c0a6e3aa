import { readTelegramHtml } from './telegram-html.ts';

/** What a message says, however it was given. */
export interface TelegramContent {
  /** What a person sees, markup taken away. */
  readonly text: string;
  /** What the bot sent. */
  readonly source: string;
  readonly parseMode: string | undefined;
  readonly isRich: boolean;
  readonly buttons: readonly { readonly text: string; readonly data: string }[];
}

type Parameters = Readonly<Record<string, unknown>>;
type Refusal = { readonly status: number; readonly description: string };

/** Reads the text or rich message of a call, or says how Telegram refuses it. `mayBeEmpty`: a draft. */
export function readTelegramContent(
  parameters: Parameters,
  { mayBeEmpty = false } = {},
): TelegramContent | Refusal {
  const buttons = buttonsOf(parameters['reply_markup']);
  const rich = parameters['rich_message'] as { markdown?: string } | undefined;
  if (rich !== undefined) {
    const markdown = rich.markdown ?? '';
    if (markdown.trim() === '') return { status: 400, description: 'Bad Request: rich message is empty' };
    if (markdown.length > 32_768)
      return { status: 400, description: 'Bad Request: rich message is too long' };
    return { text: markdown, source: markdown, parseMode: undefined, isRich: true, buttons };
  }
  const source = typeof parameters['text'] === 'string' ? parameters['text'] : '';
  const parseMode = parameters['parse_mode'] as string | undefined;
  const read = parseMode === 'HTML' ? readTelegramHtml(source) : { text: source };
  if ('fault' in read)
    return { status: 400, description: `Bad Request: can't parse entities: ${read.fault}` };
  if (read.text.trim() === '' && !mayBeEmpty)
    return { status: 400, description: 'Bad Request: message text is empty' };
  if (read.text.length > 4096) return { status: 400, description: 'Bad Request: message is too long' };
  return { text: read.text, source, parseMode, isRich: false, buttons };
}

function buttonsOf(markup: unknown): TelegramContent['buttons'] {
  const rows = (markup as { inline_keyboard?: { text: string; callback_data: string }[][] } | undefined)
    ?.inline_keyboard;
  return (rows ?? []).flat().map(({ text, callback_data: data }) => ({ text, data }));
}
