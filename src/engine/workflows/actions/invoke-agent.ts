import { z } from 'zod';
import { AppError, type JsonObject } from '../../../base/index.ts';
import { schemaFaults } from '../../../capabilities/tools/index.ts';
import { definitionName } from '../../../protocol/index.ts';
import { defineDurableAction } from '../define-action.ts';
import { answerOf, childRun, messageOf } from './child-run.ts';

/** Has an agent do something, as a child run. */
export const invokeAgent = defineDurableAction({
  name: 'invoke_agent',
  description: 'Has an agent answer a message, as a run of its own below this one.',
  inputs: z
    .strictObject({
      agent: definitionName.describe('Name of the agent.'),
      message: z.string().min(1).optional().describe('What it is told.'),
      input: z.unknown().optional().describe('Data instead of a message; the agent sees it as JSON.'),
      variables: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Values for {{ … }} in its instructions.'),
      output_schema: z
        .record(z.string(), z.unknown())
        .optional()
        .describe(
          'JSON Schema of the answer, instead of the one in its definition; the answer is output.object.',
        ),
    })
    .refine(
      ({ message, input }) => (message === undefined) !== (input === undefined),
      'expected exactly one of message, input',
    ),
  output: z.looseObject({
    text: z.string(),
    object: z.unknown().optional().describe('The structured answer, where one was asked for.'),
    citations: z.array(z.unknown()),
    model: z.string(),
    finish_reason: z.string(),
    steps: z.int(),
    run_id: z.string(),
  }),
  holdsSlot: true,
  run: async (call, durable) => {
    const { agent, variables, output_schema: outputSchema } = call.inputs;
    const input = {
      message: messageOf(call.inputs),
      ...(variables === undefined ? {} : { variables: variables as JsonObject }),
      ...(outputSchema === undefined ? {} : { outputSchema: outputSchema as JsonObject }),
    };
    const answer = answerOf(await childRun(durable, { kind: 'agent', name: agent }, input));
    if (outputSchema === undefined) return answer;
    const faults = schemaFaults(outputSchema as JsonObject, answer['object'] ?? null);
    if (faults.length > 0)
      throw new AppError(
        'output_invalid',
        `agent "${agent}": the answer does not fit the schema: ${faults.join('; ')}`,
      );
    return answer;
  },
});
