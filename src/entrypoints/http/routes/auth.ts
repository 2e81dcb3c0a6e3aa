import { z } from 'zod';
import { permissionScopes, requireScope } from '../../../protocol/index.ts';
import { credentialOf } from '../guard-requests.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { keyToWire, wireKey } from '../wire.ts';
import { limitBody } from '../wire-limits.ts';

const tags = ['auth'];
const scopes = z.array(z.enum(permissionScopes)).min(1);
const label = z.string().trim().min(1).max(100);

const tokenBody = z.strictObject({
  api_key: z.string().max(300).optional().describe('The key, when it is not sent as a header.'),
  scopes: scopes.optional().describe("All of the key's when left out."),
  expires_in_minutes: z.int().min(1).optional().describe('At most JWT_EXPIRE_MINUTES.'),
});

/** Tokens and API keys. */
export function addAuthRoutes(app: HttpApp, { apiKeys, authenticator, clock, limits }: RouteDeps): void {
  app.post(
    '/api/v1/auth/token',
    {
      // The key itself is what this route checks, in the body or in a header.
      config: { public: true },
      schema: {
        tags,
        summary: 'A short-lived token for an API key',
        body: tokenBody.nullish().transform((body) => body ?? {}),
        response: {
          200: z.object({
            access_token: z.string(),
            token_type: z.literal('bearer'),
            expires_in: z.number().describe('Seconds.'),
            expires_at: z.string(),
            scopes: z.array(z.string()),
          }),
        },
      },
    },
    async (request) => {
      const { api_key: inBody, scopes: wanted, expires_in_minutes: minutes } = request.body;
      const issued = await authenticator.issueToken(inBody ?? credentialOf(request) ?? '', {
        ...(wanted === undefined ? {} : { scopes: wanted }),
        ...(minutes === undefined ? {} : { expiresInMinutes: minutes }),
      });
      return {
        access_token: issued.token,
        token_type: 'bearer' as const,
        expires_in: Math.round((Date.parse(issued.expiresAt) - clock.now()) / 1000),
        expires_at: issued.expiresAt,
        scopes: [...issued.scopes],
      };
    },
  );

  app.get(
    '/api/v1/auth/me',
    {
      config: { scopes: [] },
      schema: {
        tags,
        summary: 'Who am I?',
        response: {
          200: z.object({ principal: z.string(), tenant: z.string(), scopes: z.array(z.string()) }),
        },
      },
    },
    (request) => {
      const { principal, tenant, scopes: held } = request.scope;
      return { principal, tenant, scopes: [...held] };
    },
  );

  app.post(
    '/api/v1/auth/keys',
    {
      config: { scopes: ['keys:admin'] },
      schema: {
        tags,
        summary: 'Make an API key',
        description: 'The key is shown in this answer and never again.',
        body: z.strictObject({
          name: z.string().min(1).max(100),
          scopes,
          expires_in_days: z.int().min(1).max(36_500).optional(),
          team: label.optional().describe('Team that its limits and usage count for.'),
          user: label
            .optional()
            .describe('For whom alone it speaks; whatever a request says instead does not count.'),
          tags: z.array(label).max(20).optional().describe('Tags of every call of a model with it.'),
          models: z
            .array(z.string().min(1).max(200))
            .min(1)
            .max(100)
            .optional()
            .describe('Models it may call, by name or pattern such as openai/gpt-5*; all when left out.'),
          limits: limitBody.optional().describe('Needs limits:write too; see PUT /api/v1/limits/{subject}.'),
        }),
        response: { 201: wireKey.extend({ key: z.string() }).meta({ id: 'NewApiKey' }) },
      },
    },
    async (request, reply) => {
      const { name, scopes: granted, expires_in_days: days, limits: wanted, ...attributes } = request.body;
      // Before anything is made: a key without its limits must never be given away.
      if (wanted !== undefined) requireScope(request.scope, 'limits:write');
      const created = await apiKeys.create(request.scope, {
        name,
        scopes: granted,
        attributes: {
          team: attributes.team ?? null,
          user: attributes.user ?? null,
          tags: attributes.tags ?? [],
          models: attributes.models ?? null,
        },
        ...(days === undefined ? {} : { expiresInDays: days }),
      });
      if (wanted !== undefined) {
        try {
          await limits.set(request.scope, `key:${created.id}`, wanted);
        } catch (error) {
          await apiKeys.revoke(request.scope, created.id);
          throw error;
        }
      }
      reply.code(201);
      return { ...keyToWire(created), key: created.key };
    },
  );

  app.get(
    '/api/v1/auth/keys',
    {
      config: { scopes: ['keys:admin'] },
      schema: {
        tags,
        summary: 'All API keys, without their secrets',
        response: { 200: z.object({ items: z.array(wireKey) }) },
      },
    },
    async (request) => ({ items: (await apiKeys.list(request.scope)).map(keyToWire) }),
  );

  app.delete(
    '/api/v1/auth/keys/:id',
    {
      config: { scopes: ['keys:admin'] },
      schema: {
        tags,
        summary: 'Refuse an API key from now on',
        params: z.strictObject({ id: z.string().min(1).max(100) }),
      },
    },
    async (request, reply) => {
      await apiKeys.revoke(request.scope, request.params.id);
      return reply.code(204).send();
    },
  );
}
