import { z } from 'zod';
import { definitionName, definitionVersion, metadata } from './metadata.ts';

const platformId = z
  .union([z.string().min(1).max(200), z.int()], { error: 'expected an id; write long numbers in quotes' })
  .transform(String);

/** One value or a list of them. */
const oneOrMore = <T extends z.ZodType>(value: T) => z.union([value, z.array(value).min(1).max(1000)]);

const pattern = z.string().min(1).max(1000);
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const chatType = z.enum(['dm', 'group', 'channel']);

/** Conditions of a rule; all that are written have to hold. */
const conditions = {
  source: oneOrMore(z.string().min(1).max(64))
    .optional()
    .describe('Where it came from: telegram, discord, slack, whatsapp, rest, webhook, …'),
  channel: oneOrMore(definitionName).optional().describe('Name of the channel definition.'),
  account: oneOrMore(platformId).optional().describe('Account of ours on the platform, such as the bot.'),
  channelIds: oneOrMore(platformId).optional().describe('Chats or channels, by their id.'),
  guildIds: oneOrMore(platformId).optional().describe('Servers or workspaces, by their id.'),
  sourceIdPattern: pattern.optional().describe('Regular expression over the id of the chat or channel.'),
  userId: oneOrMore(platformId).optional().describe('Who wrote it, by the stable id.'),
  contentPattern: pattern.optional().describe('Regular expression that is looked for in the text.'),
  metadataMatch: z
    .record(z.string().min(1).max(200), oneOrMore(scalar))
    .optional()
    .describe('Values of the metadata, by dotted path; of a list, one has to fit.'),
  chatType: oneOrMore(chatType).optional().describe('dm, group or channel.'),
};

const targets = {
  agent: definitionName.optional(),
  team: definitionName.optional(),
  workflow: definitionName.optional(),
  agentId: definitionName.optional().describe('The same as agent.'),
  teamId: definitionName.optional().describe('The same as team.'),
  workflowId: definitionName.optional().describe('The same as workflow.'),
};

const priority = z
  .int()
  .min(-1_000_000)
  .max(1_000_000)
  .default(0)
  .describe('Rules with a higher one are tried first.');

const hasOneTarget = (rule: object): boolean =>
  Object.keys(rule).filter((key) => key in targets).length === 1;
const oneTarget = 'expected exactly one of agent, team, workflow';

/** A rule within a channel's own definition. */
export const channelRoute = z
  .strictObject({ name: z.string().min(1).max(100), priority, ...conditions, ...targets })
  .refine(hasOneTarget, oneTarget)
  .describe('Sends what fits its conditions to something other than the default agent.');

const routeSpec = z
  .strictObject({
    description: z.string().max(2000).default(''),
    enabled: z.boolean().default(true),
    priority,
    ...conditions,
    ...targets,
  })
  .refine(hasOneTarget, oneTarget);

/** What answers where no rule fits. */
export const routingDefaults = z
  .strictObject({
    sources: z
      .array(
        z
          .strictObject({ source: z.string().min(1).max(64), ...targets })
          .refine(({ source: _source, ...rest }) => hasOneTarget(rest), oneTarget),
      )
      .max(100)
      .default([])
      .describe('What answers by default, by source.'),
    default: z
      .strictObject(targets)
      .refine(hasOneTarget, oneTarget)
      .optional()
      .describe('What answers where nothing else says so; the default agent when left out.'),
  })
  .prefault({});

/** `kind: Route`. */
export const routeDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Route'),
    metadata,
    spec: routeSpec,
  })
  .describe('Decides what answers a message.');

export type RouteDefinition = z.output<typeof routeDefinition>;
export type RouteSpec = z.output<typeof routeSpec>;
export type ChannelRoute = z.output<typeof channelRoute>;
export type RoutingDefaults = z.output<typeof routingDefaults>;
/** The fields of a rule that name what is started. */
export type RouteTargetFields = Pick<ChannelRoute, keyof typeof targets>;
