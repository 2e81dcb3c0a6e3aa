import { z } from 'zod';
import { AppError, fromSerializedError, isJsonObject, type Json } from '../../base/index.ts';
import { runFilesOf, type AgentOutput, type AgentResponse, type TeamOutput } from '../../protocol/index.ts';
import { runFileToWire, usageToWire, wireRunFile, wireUsage } from './wire.ts';

/** What the chat, invoke and execute routes answer with. */
export const runAnswer = z
  .object({
    response: z.string().describe('The answer for people.'),
    output: z.unknown().describe('The structured answer where the agent gives one, else the text.'),
    session_id: z.string().nullable(),
    run_id: z.string(),
    agent: z.string(),
    model: z.string().nullable(),
    status: z.literal('completed'),
    execution_time_ms: z.number(),
    usage: wireUsage,
    citations: z.array(z.unknown()).describe('Passages that the answer quotes.'),
    files: z
      .array(wireRunFile)
      .optional()
      .describe('Files that go along with the answer, where there are any.'),
  })
  .meta({ id: 'RunAnswer' });

/** What the routes of teams answer with. */
export const teamAnswer = runAnswer
  .omit({ agent: true })
  .extend({
    team: z.string(),
    mode: z.enum(['coordinate', 'route', 'collaborate', 'handoff']).optional(),
    answered_by: z.string().optional().describe('route and handoff: the member whose answer this is.'),
    choice: z.unknown().optional().describe('route: who chose that member, and why.'),
    path: z.array(z.string()).optional().describe('handoff: who had control, in order.'),
    spent: z.unknown().optional().describe('What was spent of `limits.budgetUsd`.'),
    members: z.array(z.unknown()).describe('Who did what, in the order in which they began.'),
  })
  .meta({ id: 'TeamAnswer' });

export type TeamAnswer = z.output<typeof teamAnswer>;

export type RunAnswer = z.output<typeof runAnswer>;

/** An agent's output read leniently: a runtime of a plugin may answer with less. */
export function outputOf(output: Json): Partial<AgentOutput> {
  return isJsonObject(output) ? output : {};
}

/** The error of a response that is none, with the run it belongs to; `undefined` for a completed one. */
export function failureOf(response: AgentResponse): AppError | undefined {
  if (response.status === 'completed') return undefined;
  const error =
    response.error === null
      ? new AppError('internal', `run "${response.runId}" ended as ${response.status}`)
      : fromSerializedError(response.error);
  return new AppError(error.code, error.message, {
    retryable: error.retryable,
    cause: error,
    details: {
      ...error.details,
      run_id: response.runId,
      session_id: response.sessionId,
      status: response.status,
    },
  });
}

/** A completed response as callers get it. */
export function answerOf(response: AgentResponse, agent: string): RunAnswer {
  const output = outputOf(response.output);
  const files = runFilesOf(output.files);
  return {
    response: response.text,
    output: output.object ?? response.text,
    session_id: response.sessionId,
    run_id: response.runId,
    agent,
    model: output.model ?? null,
    status: 'completed',
    execution_time_ms: response.executionTimeMs,
    usage: usageToWire(response.usage),
    citations: [...(output.citations ?? [])],
    ...(files.length === 0 ? {} : { files: files.map((file) => runFileToWire(response.runId, file)) }),
  };
}

/** A team's completed response as callers get it. */
export function teamAnswerOf(response: AgentResponse, team: string): TeamAnswer {
  const { agent: _agent, ...answer } = answerOf(response, team);
  const { members = [], team: work } = (
    isJsonObject(response.output) ? response.output : {}
  ) as Partial<TeamOutput>;
  return {
    ...answer,
    team,
    ...(work === undefined ? {} : { ...work, path: work.path === undefined ? undefined : [...work.path] }),
    members: [...members],
  };
}
