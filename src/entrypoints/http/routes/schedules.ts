import { z } from 'zod';
import type { DefinitionOf } from '../../../protocol/index.ts';
import type { StoredDefinition } from '../../../engine/definitions/index.ts';
import type { ScheduleStatus, SlotView } from '../../../engine/automation/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { pageOf, pageQuery, pageToWire } from '../wire.ts';
import { addDefinitionRoutes, definitionSummary, wireDefinition } from './definition-routes.ts';

const tags = ['schedules'];
const prefix = '/api/v1/schedules';
const byId = z.strictObject({ id: z.string().min(1).max(64).describe('Name of the schedule.') });
const read = { scopes: ['automation:read'] as const };
const write = { scopes: ['automation:write'] as const };

const wireTarget = z.object({ kind: z.string(), name: z.string() });
const wirePaused = z.object({ at: z.string(), by: z.string() }).nullable();

const wireSchedule = wireDefinition
  .extend({
    enabled: z.boolean(),
    when: z.string().describe('Its cron expression, interval or moment.'),
    timezone: z.string(),
    start: wireTarget,
  })
  .meta({ id: 'Schedule' });

const wireStatus = z
  .object({
    name: z.string(),
    enabled: z.boolean(),
    paused: wirePaused,
    next: z.array(z.string()).describe('Next starts, ISO 8601.'),
    queued: z.number(),
  })
  .meta({ id: 'ScheduleStatus' });

const wireSlot = z
  .object({
    slot: z.string(),
    outcome: z.enum(['fired', 'skipped', 'queued', 'failed']),
    reason: z.string().nullable(),
    run_id: z.string().nullable(),
    slots: z.number().describe('How many slots this stands for, from `slot` to `last_slot`.'),
    last_slot: z.string(),
    decided_at: z.string(),
  })
  .meta({ id: 'ScheduleSlot' });

const neverStarts = { path: 'spec', message: 'no moment is left at which it starts something by itself' };

function whenOf({ cron, every, at }: DefinitionOf<'Schedule'>['spec']): string {
  if (every !== undefined) return `every ${every / 1000} s`;
  return cron ?? `at ${at ?? ''}`;
}

function summaryOf(stored: StoredDefinition<DefinitionOf<'Schedule'>>): z.output<typeof wireSchedule> {
  const { spec } = stored.definition;
  return {
    ...definitionSummary(stored),
    enabled: spec.enabled,
    when: whenOf(spec),
    timezone: spec.timezone,
    start: spec.start,
  };
}

function statusToWire(name: string, enabled: boolean, status: ScheduleStatus): z.output<typeof wireStatus> {
  return { name, enabled, paused: status.paused, next: [...status.next], queued: status.queued };
}

function slotToWire(slot: SlotView): z.output<typeof wireSlot> {
  return {
    slot: slot.slot,
    outcome: slot.outcome,
    reason: slot.reason,
    run_id: slot.runId,
    slots: slot.slots,
    last_slot: slot.lastSlot,
    decided_at: slot.decidedAt,
  };
}

/** Schedules: definitions, how they stand, what became of their slots, and how to start or stop one. */
export function addScheduleRoutes(app: HttpApp, deps: RouteDeps): void {
  const { schedules } = deps.automation;
  addDefinitionRoutes(app, {
    kind: 'Schedule',
    prefix,
    singular: 'a schedule',
    plural: 'schedules',
    store: schedules.store,
    warnings: async (scope, stored) => {
      const { next } = await schedules.status(scope, stored, 1);
      const past = next.length > 0 || !stored.definition.spec.enabled ? [] : [neverStarts];
      return [...(await deps.definitionWarnings(scope, stored.definition)), ...past];
    },
    read: 'automation:read',
    write: 'automation:write',
    summary: wireSchedule,
    summaryOf,
  });

  const statusOf = async (scope: Parameters<typeof schedules.status>[0], name: string, upcoming?: number) => {
    const stored = await schedules.store.get(scope, name);
    return statusToWire(
      name,
      stored.definition.spec.enabled,
      await schedules.status(scope, stored, upcoming),
    );
  };

  app.get(
    `${prefix}/:id/status`,
    {
      config: read,
      schema: {
        tags,
        summary: 'Is it paused, and when does it start something next?',
        params: byId,
        querystring: z.strictObject({ upcoming: z.coerce.number().int().min(1).max(100).default(5) }),
        response: { 200: wireStatus },
      },
    },
    (request) => statusOf(request.scope, request.params.id, request.query.upcoming),
  );

  app.get(
    `${prefix}/:id/slots`,
    {
      config: read,
      schema: {
        tags,
        summary: 'What became of its slots, the newest first',
        params: byId,
        querystring: z.strictObject({
          ...pageQuery,
          outcome: z.enum(['fired', 'skipped', 'queued', 'failed']).optional(),
        }),
        response: { 200: pageOf(wireSlot) },
      },
    },
    async (request) => {
      const { limit, cursor, outcome } = request.query;
      const page = await schedules.slots(request.scope, request.params.id, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(outcome === undefined ? {} : { outcome }),
      });
      return pageToWire(page, slotToWire);
    },
  );

  app.post(
    `${prefix}/:id/trigger`,
    {
      config: write,
      schema: {
        tags,
        summary: 'Start it now, beside its slots',
        params: byId,
        response: { 202: z.object({ run_id: z.string() }) },
      },
    },
    async (request, reply) => {
      const { runId } = await schedules.trigger(request.scope, request.params.id);
      reply.code(202);
      return { run_id: runId };
    },
  );

  for (const act of ['pause', 'resume'] as const) {
    app.post(
      `${prefix}/:id/${act}`,
      {
        config: write,
        schema: {
          tags,
          summary: act === 'pause' ? 'Let its slots pass' : 'Go on after a pause',
          params: byId,
          response: { 200: wireStatus },
        },
      },
      async (request) => {
        await schedules[act](request.scope, request.params.id);
        return statusOf(request.scope, request.params.id);
      },
    );
  }
}
