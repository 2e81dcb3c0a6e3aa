import { createHmac } from 'node:crypto';

/** What a person does in WhatsApp; anything of Meta's message object can be given in `extra`. */
export interface WhatsAppUserMessage {
  /** Phone number; `null`: hidden behind a username. */
  readonly phone?: string | null;
  /** Business-scoped id; `null`: a payload from before there were such. */
  readonly userId?: string | null;
  readonly name?: string;
  readonly text?: string;
  /** Id of the message; a new one when left out. */
  readonly id?: string;
  /** The message that is quoted. */
  readonly quotes?: string;
  /** Replaces the text: `{ type: 'image', image: { id: '…' } }`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The ids of a phone number and its account. */
export interface WhatsAppIds {
  readonly phoneNumberId: string;
  readonly businessAccountId: string;
  readonly displayPhoneNumber: string;
}

type Payload = Record<string, unknown>;

/** Headers of a call that Meta signs. */
export function signedWhatsAppHeaders(appSecret: string, body: string | Uint8Array): Record<string, string> {
  const signature = createHmac('sha256', appSecret).update(body).digest('hex');
  return { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` };
}

/** A call with these messages or statuses in it. */
export function whatsappCall(
  ids: WhatsAppIds,
  content: {
    readonly contacts?: readonly Payload[];
    messages?: readonly Payload[];
    statuses?: readonly Payload[];
  },
): Payload {
  const metadata = { display_phone_number: ids.displayPhoneNumber, phone_number_id: ids.phoneNumberId };
  const value = { messaging_product: 'whatsapp', metadata, ...content };
  return {
    object: 'whatsapp_business_account',
    entry: [{ id: ids.businessAccountId, changes: [{ value, field: 'messages' }] }],
  };
}

/** A message as Meta sends it, and the contact that stands beside it. */
export function whatsappMessage(
  id: string,
  given: WhatsAppUserMessage,
): { readonly message: Payload; readonly contact: Payload } {
  const { phone = '491701234567', userId = 'DE.13491208655302741918', name = 'Ada', text = '' } = given;
  const message = {
    ...(phone === null ? {} : { from: phone }),
    ...(userId === null ? {} : { from_user_id: userId }),
    id,
    timestamp: '1767225600',
    ...(given.quotes === undefined ? {} : { context: { from: '15550783881', id: given.quotes } }),
    ...(given.extra ?? { type: 'text', text: { body: text } }),
  };
  const contact = {
    profile: { name },
    ...(phone === null ? {} : { wa_id: phone }),
    ...(userId === null ? {} : { user_id: userId }),
  };
  return { message, contact };
}

/** A status of a message that was sent. */
export function whatsappStatus(
  messageId: string,
  status: string,
  more: {
    readonly recipient?: string;
    readonly callbackData?: string | undefined;
    readonly errorCode?: number;
  } = {},
): Payload {
  const { recipient = '491701234567', callbackData, errorCode } = more;
  const title = `Error ${errorCode}`;
  return {
    id: messageId,
    status,
    timestamp: '1767225601',
    recipient_id: recipient,
    ...(callbackData === undefined ? {} : { biz_opaque_callback_data: callbackData }),
    ...(errorCode === undefined
      ? {}
      : {
          errors: [
            { code: errorCode, title, message: title, error_data: { details: `Details of ${errorCode}` } },
          ],
        }),
  };
}
