import { z } from 'zod';
import { definitionName } from '../../../protocol/index.ts';
import { defineDurableAction } from '../define-action.ts';
import { answerOf, childRun, messageOf } from './child-run.ts';

/** Has a team do something, as a child run. */
export const invokeTeam = defineDurableAction({
  name: 'invoke_team',
  description: 'Has a team answer a message, as a run of its own below this one.',
  inputs: z
    .strictObject({
      team: definitionName.describe('Name of the team.'),
      message: z.string().min(1).optional().describe('What it is told.'),
      input: z.unknown().optional().describe('Data instead of a message; the team sees it as JSON.'),
    })
    .refine(
      ({ message, input }) => (message === undefined) !== (input === undefined),
      'expected exactly one of message, input',
    ),
  output: z.looseObject({
    text: z.string(),
    members: z.array(z.unknown()).optional().describe('Runs of the members.'),
    run_id: z.string(),
  }),
  holdsSlot: true,
  run: async (call, durable) =>
    answerOf(
      await childRun(durable, { kind: 'team', name: call.inputs.team }, { message: messageOf(call.inputs) }),
    ),
});
