import { z } from 'zod';
import { sharedChannelFields } from './shared.ts';

/** A phone number of the WhatsApp Business Platform (Cloud API). */
export const whatsappChannel = z.strictObject({
  ...sharedChannelFields,
  platform: z.literal('whatsapp').describe('The chat platform.'),
  mode: z.literal('webhook').default('webhook').describe('WhatsApp calls a public address.'),
  phoneNumberId: z
    .string()
    .regex(
      /^\d{5,25}$/,
      'expected the id of the phone number (not the number itself): digits, in quotation marks',
    )
    .describe('Phone number ID of the app’s page “API Setup”, in quotation marks.'),
  accessToken: z
    .string()
    .min(1)
    .describe('Token of a system user; use ${WHATSAPP_ACCESS_TOKEN} rather than the value.'),
  appSecret: z.string().min(16).describe('App secret, with which Meta signs its calls.'),
  verifyToken: z
    .string()
    .min(8)
    .max(256)
    .describe('A word of your own, which Meta shows when it checks the address.'),
  template: z
    .strictObject({
      name: z.string().regex(/^[a-z0-9_]{1,512}$/, 'expected the name of a template: a-z, 0-9 and _'),
      language: z.string().regex(/^[a-z]{2,3}(_[A-Za-z]{2,4})?$/, 'expected a language such as en or en_US'),
    })
    .optional()
    .describe(
      'Sent when the last message of a person is older than 24 hours: an approved template whose body has one parameter, the text. Left out: such answers fail.',
    ),
  graphVersion: z
    .string()
    .regex(/^v\d{2,3}\.\d{1,2}$/, 'expected a version such as v26.0')
    .default('v26.0')
    .describe('Version of the Graph API. Each one ends about two years after it came.'),
  apiBase: z
    .url()
    .default('https://graph.facebook.com')
    .describe('Address of the Graph API; another one for a test server.'),
});

export type WhatsAppChannelSpec = z.output<typeof whatsappChannel>;
