import { z } from 'zod';
import { AppError, parseDuration } from '../../../base/index.ts';
import {
  usageGroupings,
  type UsageFilter,
  type UsageGrouping,
} from '../../../capabilities/accounting/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { pageOf, pageQuery, pageToWire } from '../wire.ts';
import { totalsToWire, usageCallToWire, wireUsageCall, wireUsageReport } from '../wire-usage.ts';

const tags = ['usage'];
const dayMs = 86_400_000;
const name = z.string().min(1).max(300).optional();

const filters = {
  from: z
    .string()
    .max(40)
    .optional()
    .describe('ISO 8601, or how long ago such as 24h or 7d; 30 days ago when left out.'),
  to: z.string().max(40).optional().describe('ISO 8601 (exclusive), or how long ago; now when left out.'),
  model: name.describe("The provider's name of the model."),
  group: name.describe('Group of the model list.'),
  deployment: name,
  provider: name,
  key: name.describe('Id of an API key.'),
  user: name,
  team: name,
  agent: name,
  tag: name,
  run: name.describe('Id of a run.'),
  status: name.describe('ok, error (any), or the code of an error.'),
  operation: z.enum(['chat', 'completion', 'embedding', 'rerank']).optional(),
};

const groupBy = z
  .string()
  .max(200)
  .optional()
  .transform((text, context): UsageGrouping[] => {
    const names = [...new Set(text === undefined || text === '' ? [] : text.split(','))];
    const known = names.filter((one): one is UsageGrouping =>
      (usageGroupings as readonly string[]).includes(one),
    );
    if (known.length === names.length && names.length <= 3) return known;
    context.addIssue({
      code: 'custom',
      message: `expected at most three of ${usageGroupings.join(', ')}, separated by commas`,
    });
    return z.NEVER;
  })
  .describe(
    `What to sum up by, up to three, separated by commas: ${usageGroupings.join(', ')}. Days and hours are UTC.`,
  );

function timeOf(field: string, text: string | undefined, otherwise: number, now: number): number {
  if (text === undefined) return otherwise;
  const ago = parseDuration(text);
  // A time without a zone is UTC, as everything here.
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
  const at = ago === undefined ? Date.parse(text.includes('T') && !hasZone ? `${text}Z` : text) : now - ago;
  if (!Number.isNaN(at)) return at;
  throw new AppError(
    'invalid_request',
    `${field}: expected a time such as 2026-11-01 or 2026-11-01T08:00:00Z, or how long ago such as 7d`,
  );
}

type Filters = z.output<z.ZodObject<typeof filters>>;

function filterOf({ from, to, ...rest }: Filters, now: number): UsageFilter {
  const toMs = timeOf('to', to, now + 1, now);
  const fromMs = timeOf('from', from, now - 30 * dayMs, now);
  const named = Object.entries(rest).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(named), fromMs, toMs };
}

/** What calls of models used and cost. */
export function addUsageRoutes(app: HttpApp, { usage, clock }: RouteDeps): void {
  app.get(
    '/api/v1/usage',
    {
      // Who lacks `usage:read` sees its own calls.
      config: { scopes: [] },
      schema: {
        tags,
        summary: 'What calls of models used and cost, in total and by group',
        description: 'All calls of the tenant with `usage:read`, else only those of the caller.',
        querystring: z.strictObject({
          ...filters,
          group_by: groupBy,
          limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Most groups.'),
        }),
        response: { 200: wireUsageReport },
      },
    },
    async (request) => {
      const { group_by: groups, limit, ...rest } = request.query;
      const filter = filterOf(rest, clock.now());
      const report = await usage.report(request.scope, { ...filter, groupBy: groups, limit });
      return {
        from: new Date(filter.fromMs).toISOString(),
        to: new Date(filter.toMs).toISOString(),
        group_by: groups,
        totals: totalsToWire(report.totals),
        groups: report.groups.map(({ by, keyName, ...totals }) => ({
          by: by as Record<string, string | null>,
          ...(keyName === undefined ? {} : { key_name: keyName }),
          ...totalsToWire(totals),
        })),
        truncated: report.truncated,
      };
    },
  );

  app.get(
    '/api/v1/usage/calls',
    {
      config: { scopes: [] },
      schema: {
        tags,
        summary: 'Single calls of models, the newest first',
        description: 'All calls of the tenant with `usage:read`, else only those of the caller.',
        querystring: z.strictObject({ ...filters, ...pageQuery }),
        response: { 200: pageOf(wireUsageCall) },
      },
    },
    async (request) => {
      const { limit, cursor, ...rest } = request.query;
      const page = await usage.calls(request.scope, {
        ...filterOf(rest, clock.now()),
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      return pageToWire(page, usageCallToWire);
    },
  );
}
