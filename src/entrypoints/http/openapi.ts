import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { bodyExamples } from './openapi-examples.ts';
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

interface Operation {
  requestBody?: { content?: Record<string, { schema?: unknown; example?: unknown }> };
  responses?: Record<string, { description?: string; content?: unknown }>;
}
interface ApiDescription {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, unknown> };
}

const problem = {
  type: 'object',
  description: 'RFC 9457. `code` is one of the table of errors.',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong, in one sentence.' },
    code: { type: 'string' },
    retryable: { type: 'boolean' },
    request_id: { type: 'string' },
    issues: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          in: { type: 'string' },
          path: { type: 'string', description: 'The field.' },
          message: { type: 'string' },
        },
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable'],
};

const descriptions: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Accepted; it goes on.',
  204: 'Done, with no body.',
};

/** Says of every answer what it is: deletions have no body, streams are events, errors are problems. */
function describeAnswers<T extends object>(given: T): T {
  const description = given as ApiDescription;
  for (const [path, operations] of Object.entries(description.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations)) {
      const responses = { ...operation.responses };
      if (method === 'delete' && responses['200'] !== undefined && responses['200'].content === undefined) {
        responses['204'] = responses['200'];
        delete responses['200'];
      }
      for (const [status, answer] of Object.entries(responses))
        responses[status] = { ...answer, description: descriptions[status] ?? answer.description ?? '' };
      if (path.endsWith('/events') && method === 'get')
        responses['200'] = {
          description: 'Server-sent events.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        };
      if (path.startsWith('/api/'))
        responses['default'] = {
          description: 'What went wrong.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        };
      operation.responses = responses;
      const body = operation.requestBody?.content?.['application/json'];
      const example = bodyExamples[`${method} ${path}`];
      if (body !== undefined && example !== undefined) body.example = example;
    }
  }
  description.components = {
    ...description.components,
    schemas: { ...description.components?.schemas, Problem: problem },
  };
  return given;
}

/** Description of the API at `/openapi.json`, to be browsed at `/reference`. Add it before the routes it describes. */
export async function addOpenApi(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Agent33',
        version,
        description:
          'Agents as a service. Errors are problem+json (RFC 9457), under /v1 in the shape of OpenAI (/v1/messages: of Anthropic), under /ollama in that of Ollama.',
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
    transformObject: (given) => describeAnswers(jsonSchemaTransformObject(given)),
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
