import { z } from 'zod';
import { durationMs } from './metadata.ts';

const people = z.array(z.string().min(1).max(200)).max(100);

/** How a person is asked. */
export const approvalSpec = z
  .strictObject({
    title: z.string().max(2000).optional().describe('What is asked; may hold expressions.'),
    message: z.string().max(20_000).optional(),
    approvers: people
      .default([])
      .describe(
        'Principals that may decide, such as "key:…" or "telegram:<bot>:<user>"; everybody with approvals:decide when left out.',
      ),
    deadline: durationMs.optional().describe('After this long the default decides.'),
    default: z.enum(['approve', 'reject', 'fail']).default('fail').describe('What a passed deadline means.'),
    remindEvery: durationMs.optional().describe('Ask again this often.'),
    escalateAfter: durationMs.optional(),
    escalateTo: people.default([]).describe('Who may decide too, once it is escalated.'),
  })
  .describe('A person decides before the step is done, shown the exact inputs.');

export type ApprovalSpec = z.output<typeof approvalSpec>;
