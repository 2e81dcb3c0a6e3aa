import { z } from 'zod';
import { channelAccess } from './shared.ts';

const mostSecrets = 5;

/** One secret, or all that count while they are exchanged. */
export const secrets = <Secret extends z.ZodType<string>>(secret: Secret) =>
  z
    .union([secret, z.array(secret).min(1).max(mostSecrets)])
    .transform((given) => (typeof given === 'string' ? [given] : given));

const hostName = z
  .string()
  .regex(
    /^(?:\*\.)?[A-Za-z0-9][A-Za-z0-9.-]{0,252}$|^\[[0-9a-fA-F:.]{2,45}\]$/,
    'expected a host such as hooks.example.com or *.example.com, without scheme, port and path',
  );
export const hostNames = z.array(hostName).max(100);

/** Shorter ones do not withstand guessing. */
const signingSecret = z
  .string()
  .refine(
    (secret) => keyLength(secret) >= 24,
    'expected whsec_ and the base64 of 24 to 64 bytes, or any text of at least 24 characters',
  );

function keyLength(secret: string): number {
  if (!secret.startsWith('whsec_')) return secret.length;
  const encoded = secret.slice('whsec_'.length);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded)
    ? Math.floor((encoded.replaceAll('=', '').length * 3) / 4)
    : 0;
}

/** What is posted beside answers, and how it is signed. */
export const outgoingPosts = {
  approvals: z
    .boolean()
    .default(true)
    .describe('What a run asks people is posted too, with the exact arguments; see docs/approvals.md.'),
  secret: secrets(signingSecret)
    .optional()
    .describe(
      'Signs as Standard Webhooks say: whsec_… or a text; several sign side by side while you exchange them.',
    ),
  hmac: z
    .strictObject({
      header: z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'expected the name of a header'),
      algorithm: z.enum(['sha256', 'sha1', 'sha512']).default('sha256'),
      encoding: z.enum(['hex', 'base64']).default('hex'),
      prefix: z.string().max(50).default('').describe('What stands before the signature, such as "sha256=".'),
      secret: z.string().min(8),
    })
    .optional()
    .describe('One more signature over the body, for receivers that look for it.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), z.string().max(4000))
    .default({})
    .describe('Sent along, such as Authorization.'),
};

/** Whose messages count, by the id that the sender gives. */
export const webAccess = z
  .strictObject({
    users: z
      .array(z.string())
      .optional()
      .describe('Only these user ids. Left out: everybody; an empty list: nobody.'),
  })
  .prefault({})
  .transform(({ users }) =>
    channelAccess.parse(users === undefined ? { dm: 'open' } : { dm: 'allowlist', users }),
  );

/** What other channels have for people and these do without. */
export const notForPeople = {
  agents: [] as string[],
  models: [] as string[],
  files: { read: false, maxBytes: 0, perMessage: 0 },
  typing: false,
  replies: { preview: 'off', tools: false },
} as const;
