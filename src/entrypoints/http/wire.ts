import { z } from 'zod';
import type { MessageView, Page, RunView, SessionView, StepView } from '../../engine/runs/index.ts';
import type { ApiKeyView } from '../../platform/security/index.ts';
import { permissionScopes, runStatuses, type RunFile, type Usage } from '../../protocol/index.ts';

const time = z.string().describe('ISO 8601, UTC.');
const json = z.unknown().describe('Any JSON.');

/** Tokens and cost. */
export const wireUsage = z.object({
  input_tokens: z.number(),
  output_tokens: z.number(),
  cost_usd: z.number().nullable().describe('null where no price is known.'),
});

const wireError = z
  .object({ code: z.string(), message: z.string(), retryable: z.boolean() })
  .nullable()
  .describe('Why it failed.');

export const wireRun = z
  .object({
    id: z.string(),
    target: z.object({ kind: z.string(), name: z.string() }),
    status: z.enum(runStatuses),
    session_id: z.string().nullable(),
    parent_run_id: z.string().nullable(),
    root_run_id: z.string().describe('The outermost run above it, or itself.'),
    source: z.string(),
    principal: z.string(),
    attempts: z.number(),
    usage: wireUsage,
    error: wireError,
    waiting_for: z.array(z.string()),
    created_at: time,
    started_at: time.nullable(),
    ended_at: time.nullable(),
    metadata: json,
    forked_from: z.string().nullable().describe('The run whose finished steps it began with.'),
    forked_at_step: z.string().nullable().describe('The first step that it did itself.'),
    effects: z.enum(['on', 'off']).describe('off: it may change nothing outside.'),
  })
  .meta({ id: 'Run' });

export const wireRunFile = z
  .object({
    id: z.string(),
    name: z.string(),
    mime_type: z.string().describe('By content.'),
    size_bytes: z.number(),
    url: z.string().describe('Path of its content.'),
  })
  .meta({ id: 'RunFile' });

export const wireStep = z
  .object({
    key: z.string(),
    kind: z.string(),
    status: z.string(),
    attempts: z.number(),
    output: json,
    error: wireError,
    usage: wireUsage,
    started_at: time,
    ended_at: time.nullable(),
    duration_ms: z.number().nullable(),
  })
  .meta({ id: 'Step' });

export const wireSession = z
  .object({
    id: z.string(),
    key: z.string(),
    agent: z.string(),
    source: z.string(),
    title: z.string().nullable(),
    message_count: z.number(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Session' });

export const wireMessage = z
  .object({ id: z.string(), sequence: z.number(), run_id: z.string(), message: json, created_at: time })
  .meta({ id: 'SessionMessage' });

export const wireKey = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    team: z.string().nullable(),
    user: z.string().nullable().describe('For whom alone it speaks.'),
    tags: z.array(z.string()).describe('Of every call of a model with it.'),
    models: z.array(z.string()).nullable().describe('Names and patterns of models it may call; null: all.'),
    scopes: z.array(z.enum(permissionScopes)),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    last_used_at: time.nullable(),
  })
  .meta({ id: 'ApiKey' });

/** One page of a list. */
export const pageOf = (item: z.ZodType) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('Cursor of the following page; null at the end.'),
  });

/** Limit and cursor of a list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional().describe('"next" of an earlier page.'),
};

type Wire<T extends z.ZodType> = z.output<T>;

export function usageToWire(usage: Usage): Wire<typeof wireUsage> {
  return { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens, cost_usd: usage.costUsd };
}

export function runToWire(run: RunView): Wire<typeof wireRun> {
  return {
    id: run.id,
    target: run.target,
    status: run.status,
    session_id: run.sessionId,
    parent_run_id: run.parentRunId,
    root_run_id: run.rootRunId,
    source: run.source,
    principal: run.principal,
    attempts: run.attempts,
    usage: usageToWire(run.usage),
    error: run.error,
    waiting_for: [...run.waitingFor],
    created_at: run.createdAt,
    started_at: run.startedAt,
    ended_at: run.endedAt,
    metadata: run.metadata,
    forked_from: run.forkedFrom,
    forked_at_step: run.forkedAtStep,
    effects: run.effects,
  };
}

export function runFileToWire(runId: string, file: RunFile): Wire<typeof wireRunFile> {
  const { id, name, mimeType, sizeBytes } = file;
  return {
    id,
    name,
    mime_type: mimeType,
    size_bytes: sizeBytes,
    url: `/api/v1/runs/${runId}/files/${id}`,
  };
}

export function stepToWire(step: StepView): Wire<typeof wireStep> {
  return {
    key: step.key,
    kind: step.kind,
    status: step.status,
    attempts: step.attempts,
    output: step.output,
    error: step.error,
    usage: usageToWire(step.usage),
    started_at: step.startedAt,
    ended_at: step.endedAt,
    duration_ms: step.endedAt === null ? null : Date.parse(step.endedAt) - Date.parse(step.startedAt),
  };
}

export function sessionToWire(session: SessionView): Wire<typeof wireSession> {
  return {
    id: session.id,
    key: session.key,
    agent: session.agent,
    source: session.source,
    title: session.title,
    message_count: session.messageCount,
    created_at: session.createdAt,
    updated_at: session.updatedAt,
  };
}

export function messageToWire(view: MessageView): Wire<typeof wireMessage> {
  return {
    id: view.id,
    sequence: view.sequence,
    run_id: view.runId,
    message: view.message,
    created_at: view.createdAt,
  };
}

export function keyToWire(key: ApiKeyView): Wire<typeof wireKey> {
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    team: key.team,
    user: key.user,
    tags: [...key.tags],
    models: key.models === null ? null : [...key.models],
    scopes: [...key.scopes],
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedAt,
  };
}

export function pageToWire<View, Item>(page: Page<View>, toWire: (view: View) => Item) {
  return { items: page.items.map(toWire), next: page.next };
}
