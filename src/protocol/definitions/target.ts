import { z } from 'zod';
import { definitionName } from './metadata.ts';

/** A target as it is kept: what the API shows can be sent back. */
const keptTarget = z.strictObject({ kind: z.enum(['agent', 'team', 'workflow']), name: definitionName });

const namedTarget = z
  .strictObject({
    agent: definitionName.optional(),
    team: definitionName.optional(),
    workflow: definitionName.optional(),
  })
  .refine(
    (value) => [value.agent, value.team, value.workflow].filter((name) => name !== undefined).length === 1,
    'expected exactly one of agent, team, workflow',
  )
  .transform((value): z.output<typeof keptTarget> =>
    value.agent !== undefined
      ? { kind: 'agent', name: value.agent }
      : value.team !== undefined
        ? { kind: 'team', name: value.team }
        : { kind: 'workflow', name: value.workflow ?? '' },
  );

/** What a schedule, a sensor or another workflow starts. */
export const targetSpec = z.union([namedTarget, keptTarget]).describe('What is started.');
