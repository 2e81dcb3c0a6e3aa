import { z } from 'zod';
import type { Json } from '../../../base/index.ts';
import { approvalStatuses } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { approvalToWire, wireApproval } from '../wire-approval.ts';
import { pageOf, pageQuery, pageToWire } from '../wire.ts';

const tags = ['approvals'];
const byId = z.strictObject({ id: z.string().min(1).max(100).describe('Id or code.') });

/** Approvals: what runs ask people, and the decisions. */
export function addApprovalRoutes(app: HttpApp, { approvals }: RouteDeps): void {
  app.get(
    '/api/v1/approvals',
    {
      config: { scopes: ['approvals:read'] },
      schema: {
        tags,
        summary: 'What people are asked, the newest first',
        querystring: z.strictObject({
          ...pageQuery,
          status: z.enum(approvalStatuses).optional(),
          run_id: z.string().max(100).optional().describe('Of this run and its children.'),
        }),
        response: { 200: pageOf(wireApproval) },
      },
    },
    async (request) => {
      const { limit, cursor, status, run_id: runId } = request.query;
      return pageToWire(
        await approvals.list(request.scope, { limit, cursor, status, runId }),
        approvalToWire,
      );
    },
  );

  app.get(
    '/api/v1/approvals/:id',
    {
      config: { scopes: ['approvals:read'] },
      schema: {
        tags,
        summary: 'One approval with the exact arguments',
        params: byId,
        response: { 200: wireApproval },
      },
    },
    async (request) => approvalToWire(await approvals.get(request.scope, request.params.id)),
  );

  app.post(
    '/api/v1/approvals/:id/decision',
    {
      config: { scopes: ['approvals:decide'] },
      schema: {
        tags,
        summary: 'Approve, reject or answer',
        description:
          'The first decision counts. The same one by the same caller again changes nothing; another one is a conflict that names who decided what and when.',
        params: byId,
        body: z.strictObject({
          decision: z.enum(['approve', 'reject', 'answer']),
          answer: z
            .unknown()
            .optional()
            .describe('The answer to a question; has to fit its `answer_schema`.'),
          comment: z.string().max(10_000).optional(),
          arguments_hash: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .optional()
            .describe('Hash of what you were shown: refused when something else is asked.'),
        }),
        response: { 200: wireApproval },
      },
    },
    async (request) => {
      const { decision, answer, comment, arguments_hash: argumentsHash } = request.body;
      const decided = await approvals.decide(request.scope, request.params.id, {
        decision,
        answer: answer as Json | undefined,
        comment,
        argumentsHash,
      });
      return approvalToWire(decided);
    },
  );
}
