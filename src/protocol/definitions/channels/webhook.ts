import { z } from 'zod';
import { definitionName, durationMs } from '../metadata.ts';
import { targetSpec } from '../target.ts';
import { sharedChannelFields } from './shared.ts';
import { hostNames, notForPeople, outgoingPosts, secrets, webAccess } from './web-shared.ts';

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'expected the name of a header')
  .transform((name) => name.toLowerCase());
const secret = secrets(z.string().min(8)).describe(
  'The shared secret, as ${NAME}; a list while it is exchanged: each of them counts.',
);
const tolerance = durationMs
  .default(300_000)
  .refine((milliseconds) => milliseconds >= 1000 && milliseconds <= 3_600_000, 'expected 1s to 1h')
  .describe('How far the time of a call may lie from now, before or after.');

const signature = z
  .discriminatedUnion('scheme', [
    z.strictObject({ scheme: z.literal('github'), secret }).describe('X-Hub-Signature-256.'),
    z.strictObject({ scheme: z.literal('gitlab'), secret }).describe('X-Gitlab-Token.'),
    z.strictObject({ scheme: z.literal('shopify'), secret }).describe('X-Shopify-Hmac-Sha256.'),
    z.strictObject({ scheme: z.literal('stripe'), secret, tolerance }).describe('Stripe-Signature.'),
    z.strictObject({ scheme: z.literal('slack'), secret, tolerance }).describe('X-Slack-Signature.'),
    z
      .strictObject({ scheme: z.literal('standard'), secret, tolerance })
      .describe(
        'Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature. whpk_… checks Ed25519.',
      ),
    z
      .strictObject({
        scheme: z.literal('hmac'),
        secret,
        header: headerName.describe('Header that holds the signature.'),
        algorithm: z.enum(['sha256', 'sha1', 'sha512']).default('sha256'),
        encoding: z.enum(['hex', 'base64']).default('hex'),
        prefix: z.string().max(50).default('').describe('What stands before it, such as "sha256=".'),
        timestampHeader: headerName
          .optional()
          .describe('Header with the time of the call in seconds or milliseconds since 1970.'),
        template: z
          .string()
          .max(500)
          .default('{body}')
          .describe('The signed text: {body}, {timestamp} and {header:NAME} stand for what was sent.'),
        tolerance,
      })
      .refine(({ template }) => template.includes('{body}'), {
        path: ['template'],
        message: 'expected {body} in it: what is not signed proves nothing',
      })
      .refine(
        ({ template, timestampHeader }) =>
          template.includes('{timestamp}') === (timestampHeader !== undefined),
        {
          path: ['template'],
          message:
            'expected {timestamp} in it together with timestampHeader: a time that is not signed can be changed',
        },
      )
      .describe('Any HMAC over the raw body.'),
    z
      .strictObject({
        scheme: z.literal('token'),
        secret,
        header: headerName.default('authorization').describe('authorization: as "Bearer TOKEN".'),
      })
      .describe('A secret in a header.'),
    z
      .strictObject({ scheme: z.literal('basic'), username: z.string().min(1).max(200), secret })
      .describe('User name and password.'),
    z
      .strictObject({ scheme: z.literal('none') })
      .describe('No check at all: whoever finds the address can call it.'),
  ])
  .describe('How the sender proves itself.');

const expression = z.string().min(1).max(4000);

const message = z
  .strictObject({
    text: expression
      .optional()
      .describe('What is said. Left out: the text field of the body, else the body.'),
    userId: expression.optional().describe('Who says it.'),
    userName: expression.optional(),
    conversationId: expression
      .optional()
      .describe(
        'Calls with the same one continue a conversation. Left out: one for each user, else for each call.',
      ),
    messageId: expression
      .optional()
      .describe(
        "The sender's id of the call: one that comes twice counts once. Left out: the scheme's, else a digest.",
      ),
    event: expression.optional().describe('What kind of event it is, for rules and texts.'),
    require: z
      .array(z.enum(['text', 'userId', 'userName', 'conversationId', 'messageId', 'event']))
      .default(['text'])
      .describe('Without these a call is not taken in.'),
  })
  .prefault({})
  .describe(
    'Where things are in a call: a path (body.issue.title, headers.x-event, $.a[0], /a/0) or text with {{ … }}.',
  );

/** Calls of any service. */
export const webhookChannel = z
  .strictObject({
    enabled: sharedChannelFields.enabled,
    platform: z.literal('webhook').describe('Calls of any service.'),
    agent: definitionName
      .optional()
      .describe('What answers unless a rule says otherwise: one of agent, team, workflow.'),
    team: definitionName.optional(),
    workflow: definitionName.optional(),
    routes: sharedChannelFields.routes,
    targets: z
      .array(targetSpec)
      .min(1)
      .max(20)
      .optional()
      .describe('All of these are started, side by side, instead of one of them.'),
    signature,
    challenge: z
      .strictObject({
        query: z
          .string()
          .min(1)
          .max(100)
          .optional()
          .describe('GET with this parameter is answered with its value.'),
        field: z
          .string()
          .min(1)
          .max(100)
          .optional()
          .describe('A signed POST whose JSON has this field is answered with that field.'),
      })
      .prefault({})
      .describe('How the sender checks the address.'),
    message,
    when: expression
      .optional()
      .describe('Condition, such as body.action == "opened"; other calls are ignored.'),
    missing: z
      .enum(['reject', 'ignore'])
      .default('reject')
      .describe('A call without what message.require names: refused with 422, or ignored with 200.'),
    inputs: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Inputs of a workflow, with {{ … }}. Left out: the body, where it is an object.'),
    publish: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe('Name of an event that is published with the body, such as external.github.{{ event }}.'),
    reply: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/ })
          .optional()
          .describe('Where answers are posted.'),
        urlFrom: expression.optional().describe('Where in the call the address is, of one of hosts.'),
        hosts: hostNames.default([]).describe('Hosts that urlFrom may name. An empty list: none.'),
        ...outgoingPosts,
      })
      .refine(({ url, urlFrom }) => url !== undefined || urlFrom !== undefined, {
        path: ['url'],
        message: 'expected url or urlFrom',
      })
      .optional()
      .describe('Answers are posted there as JSON. Left out: they are kept with the run.'),
    session: sharedChannelFields.session,
    busy: z
      .enum(['collect', 'followup', 'interrupt'])
      .default('followup')
      .describe('What a call of a conversation does while its answer is in progress; see docs/channels.md.'),
    quiet: sharedChannelFields.quiet,
    debounce: sharedChannelFields.debounce,
    access: webAccess,
  })
  .superRefine((spec, context) => {
    const named = (['agent', 'team', 'workflow'] as const).filter((kind) => spec[kind] !== undefined);
    const fault = (path: string, text: string): void =>
      context.addIssue({ code: 'custom', path: [path], message: text });
    if (named.length > 1) fault(named[1] ?? 'team', 'expected only one of agent, team, workflow');
    if (spec.targets !== undefined && (named.length > 0 || spec.routes.length > 0))
      fault('targets', 'expected either targets, or agent, team or workflow with routes');
    if (spec.routes.length > 0 && named.length === 0)
      fault('routes', 'expected agent, team or workflow beside it, for calls that no rule fits');
    if (named.length === 0 && spec.targets === undefined && spec.publish === undefined)
      fault('agent', 'expected one of agent, team, workflow, targets, publish: nothing would happen');
  })
  .transform((spec) => ({ ...spec, ...notForPeople, mode: 'webhook' as const }));

export type WebhookChannelSpec = z.output<typeof webhookChannel>;
export type WebhookSignature = WebhookChannelSpec['signature'];
