import { z } from 'zod';
import { didYouMean } from '../../base/index.ts';
import { modelSpec } from './agent.ts';
import { definitionName, definitionVersion, durationMs, metadata } from './metadata.ts';

const member = z
  .union([
    definitionName.transform((agent) => ({ agent, team: undefined, name: agent, description: '' })),
    z
      .strictObject({
        agent: definitionName.optional(),
        team: definitionName.optional(),
        name: definitionName.optional().describe('What the team calls it; its own name when left out.'),
        description: z
          .string()
          .max(2000)
          .default('')
          .describe('What it is for; its own description when left out.'),
      })
      .refine(
        (value) => (value.agent === undefined) !== (value.team === undefined),
        'expected exactly one of agent, team',
      )
      .transform((value) => ({
        agent: value.agent,
        team: value.team,
        name: value.name ?? value.agent ?? value.team ?? '',
        description: value.description,
      })),
  ])
  .describe('An agent, or another team.');

const teamFields = z.strictObject({
  description: z.string().max(2000).default(''),
  mode: z
    .enum(['coordinate', 'route', 'collaborate', 'handoff'])
    .describe(
      'coordinate: a lead delegates and merges. route: one member is picked. collaborate: all answer, one synthesises. handoff: members pass control on.',
    ),
  members: z.array(member).min(1).max(50),
  lead: definitionName
    .optional()
    .describe(
      "Agent that leads, picks or synthesises; a plain one with the platform's default model when left out. handoff: the member that begins; the first one when left out.",
    ),
  model: modelSpec.optional().describe('Model of the lead where no agent leads.'),
  instructions: z
    .string()
    .max(200_000)
    .default('')
    .describe('What the lead is told beside its own instructions.'),
  limits: z
    .strictObject({
      maxRounds: z.int().min(1).max(100).default(10).describe('Most turns of the lead, or hand-overs.'),
      maxDelegations: z.int().min(1).max(1000).default(30).describe('Most runs of members.'),
      parallel: z.int().min(1).max(50).default(8).describe('Members at work side by side.'),
      timeout: durationMs
        .optional()
        .describe(
          'Longest life of one run, waits included: 30m when left out, 7d where a member may wait for people.',
        ),
      budgetUsd: z
        .number()
        .positive()
        .optional()
        .describe('No further turn of the lead and no further run of a member once this much was spent.'),
    })
    .prefault({}),
});

const teamSpec = teamFields.superRefine(({ members, mode, lead }, context) => {
  const names = members.map((one) => one.name);
  for (const [index, name] of names.entries())
    if (names.indexOf(name) !== index)
      context.addIssue({
        code: 'custom',
        path: ['members', index],
        message: `"${name}" is in the team already; give this member another "name"`,
      });
  if (mode === 'handoff' && lead !== undefined && !names.includes(lead))
    context.addIssue({
      code: 'custom',
      path: ['lead'],
      message: `expected a member of the team, who begins in mode handoff${didYouMean(lead, names)}`,
    });
});

/** `kind: Team`. */
export const teamDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Team'),
    metadata,
    spec: teamSpec,
  })
  .describe('Agents that work together.');

export type TeamDefinition = z.output<typeof teamDefinition>;
export type TeamSpec = z.output<typeof teamSpec>;
export type TeamMember = TeamSpec['members'][number];
