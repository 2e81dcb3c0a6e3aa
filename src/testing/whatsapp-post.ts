import type { FormFileSent } from './read-multipart.ts';

/** A message that was sent to a person. */
export interface SentWhatsAppMessage {
  readonly id: string;
  /** Phone number or business-scoped id, as it was addressed. */
  readonly to: string;
  readonly addressedBy: 'to' | 'recipient';
  readonly type: 'text' | 'interactive' | 'template' | 'image' | 'document';
  /** What a person sees, markup taken away. */
  readonly text: string;
  /** What was sent. */
  readonly source: string;
  readonly quotes: string | undefined;
  readonly callbackData: string | undefined;
  readonly template: { readonly name: string; readonly language: string } | undefined;
  /** What was sent as a file; its text is the words beside it. */
  readonly file?: FormFileSent;
  /** What can be pressed below it, as buttons or in a list. */
  readonly buttons: readonly { readonly title: string; readonly id: string }[];
}

interface Row {
  readonly id: string;
  readonly title: string;
}

interface SentFile {
  readonly id?: string;
  readonly filename?: string;
  readonly caption?: string;
}

interface SendBody {
  readonly image?: SentFile;
  readonly document?: SentFile;
  readonly messaging_product?: string;
  readonly to?: string;
  readonly recipient?: string;
  readonly type?: string;
  readonly text?: { readonly body?: string };
  readonly context?: { readonly message_id?: string };
  readonly biz_opaque_callback_data?: string;
  readonly interactive?: {
    readonly type: string;
    readonly body?: { readonly text?: string };
    readonly action: {
      readonly buttons?: readonly { readonly reply: Row }[];
      readonly button?: string;
      readonly sections?: readonly { readonly rows: readonly Row[] }[];
    };
  };
  readonly template?: {
    readonly name: string;
    readonly language: { readonly code: string };
    readonly components?: readonly { readonly parameters: readonly { readonly text: string }[] }[];
  };
}

type Post = Omit<SentWhatsAppMessage, 'id'>;
type Refusal = { readonly code: number; readonly details: string };

/** What sending makes of a body, or how it is refused. `uploads`: files that were uploaded, by their ids. */
export function readWhatsAppPost(
  given: unknown,
  uploads: ReadonlyMap<string, FormFileSent> = new Map(),
): Post | Refusal {
  const body = given as SendBody;
  const { to, recipient, type, biz_opaque_callback_data: callbackData } = body;
  if (body.messaging_product !== 'whatsapp') return refused('messaging_product is missing');
  const addressed = to ?? recipient;
  if (addressed === undefined) return refused('to or recipient is missing');
  if (to !== undefined && !/^\d{5,20}$/.test(to)) return refused('to is no phone number');
  if ((callbackData ?? '').length > 512) return refused('biz_opaque_callback_data is too long');
  const shared = {
    to: addressed,
    addressedBy: to === undefined ? ('recipient' as const) : ('to' as const),
    quotes: body.context?.message_id,
    callbackData,
    template: undefined,
    buttons: [],
  };
  if (type === 'text') {
    const source = body.text?.body ?? '';
    if (source === '' || source.length > 4096) return refused('text.body has to have 1 to 4096 characters');
    return { ...shared, type, source, text: readWhatsAppMarkup(source) };
  }
  if (type === 'interactive') return readInteractive(body, shared);
  if (type === 'template') return readTemplate(body, shared);
  if (type === 'image' || type === 'document') {
    const { id = '', filename, caption = '' } = body[type] ?? {};
    const file = uploads.get(id);
    if (file === undefined) return refused('there is no such media id');
    const named = filename === undefined ? file : { ...file, name: filename };
    return { ...shared, type, source: caption, text: caption, file: named };
  }
  return refused(`type "${type}" is not known here`);
}

/** A text as a person sees it, markup taken away. */
export function readWhatsAppMarkup(text: string): string {
  const parts = text.split(/```\n?([^]*?)\n?```|`([^`\n]+)`/);
  return parts
    .map((part, index) => (index % 3 === 0 ? withoutMarks(part ?? '') : (part ?? '')))
    .join('')
    .replaceAll('\u200B', '');
}

function readInteractive(body: SendBody, shared: Omit<Post, 'type' | 'text' | 'source'>): Post | Refusal {
  const { type, body: content, action } = body.interactive ?? { type: '', body: {}, action: {} };
  const source = content?.text ?? '';
  const buttons = (action.buttons ?? []).map(({ reply }) => reply);
  const rows = (action.sections ?? []).flatMap((section) => section.rows);
  const isFit =
    type === 'button'
      ? fit(buttons, 3, 20) && source.length <= 1024
      : type === 'list' && fit(rows, 10, 24) && source.length <= 4096 && (action.button ?? '').length <= 20;
  if (!isFit || source === '') return { code: 131_009, details: 'the interactive message is not valid' };
  const pressable = type === 'button' ? buttons : rows;
  const text = readWhatsAppMarkup(source);
  return {
    ...shared,
    type: 'interactive',
    source,
    text,
    buttons: pressable.map(({ id, title }) => ({ id, title })),
  };
}

function fit(rows: readonly Row[], most: number, longestTitle: number): boolean {
  const isRight = ({ id, title }: Row): boolean =>
    title.length >= 1 && title.length <= longestTitle && id.length >= 1 && id.length <= 200;
  return rows.length >= 1 && rows.length <= most && rows.every(isRight);
}

function readTemplate(body: SendBody, shared: Omit<Post, 'type' | 'text' | 'source'>): Post | Refusal {
  const { template } = body;
  const texts = (template?.components ?? []).flatMap((component) =>
    component.parameters.map((one) => one.text),
  );
  const [source = ''] = texts;
  if (template === undefined || texts.length !== 1)
    return { code: 132_000, details: 'number of parameters does not match' };
  if (/[\n\t]| {5}/.test(source) || source.length > 1024)
    return refused('a parameter has a form that is not allowed');
  const { name, language } = template;
  return { ...shared, type: 'template', source, text: source, template: { name, language: language.code } };
}

function refused(details: string): Refusal {
  return { code: 100, details };
}

function withoutMarks(text: string): string {
  let shown = text;
  for (const mark of ['\\*', '_', '~']) {
    const other = `[^\\n${mark}]`;
    const styled = `(?<![\\p{L}\\p{N}])${mark}(?![\\s\u200B])(${other}*?(?<!\\s)${other}?)${mark}(?![\\p{L}\\p{N}])`;
    shown = shown.replaceAll(new RegExp(styled, 'gu'), '$1');
  }
  return shown;
}
