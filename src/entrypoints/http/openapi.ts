import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { HttpApp } from './http-deps.ts';

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Description of the API at `/openapi.json`, to be browsed at `/reference`. Add it before the routes it describes. */
export async function addOpenApi(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Agent33',
        version,
        description:
          'Agents as a service. Errors are problem+json (RFC 9457), under /v1 in the shape of OpenAI.',
      },
      components: {
        securitySchemes: {
          key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a token.' },
        },
      },
      security: [{ key: [] }, { bearer: [] }],
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route);
      const { public: isPublic, scopes = [] } = route.route.config ?? {};
      if (isPublic === true) return { ...transformed, schema: { ...transformed.schema, security: [] } };
      if (scopes.length === 0) return transformed;
      const needed = `Needs ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`;
      const described = [transformed.schema.description, needed].filter((text) => text !== undefined);
      return { ...transformed, schema: { ...transformed.schema, description: described.join(' ') } };
    },
    transformObject: jsonSchemaTransformObject,
  });

  let description: string | undefined;
  app.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, (_request, reply) => {
    description ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').send(description);
  });

  await app.register(async (scope) => {
    // The plugin declares no access for its routes.
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true };
    });
    await scope.register(swaggerUi, {
      routePrefix: '/reference',
      staticCSP: policy,
      uiConfig: { url: '/openapi.json', deepLinking: true, tryItOutEnabled: false },
    });
  });
}
