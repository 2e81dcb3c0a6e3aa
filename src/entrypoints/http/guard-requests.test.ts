import { describe, expect, it } from 'vitest';
import { permissionScopes } from '../../protocol/index.ts';
import { asAdmin, openHttpGround } from '../../testing/http-ground.ts';

/** Everything that may be called without credentials. */
const publicRoutes = [
  'GET /health',
  'GET /healthz',
  'GET /ollama',
  'GET /ollama/',
  'GET /openapi.json',
  'GET /readyz',
  'GET /reference',
  'GET /reference/',
  'GET /reference/*',
  'GET /reference/json',
  'GET /reference/static/index.html',
  'GET /reference/static/swagger-initializer.js',
  'GET /reference/yaml',
  'HEAD /health',
  'HEAD /healthz',
  'HEAD /ollama',
  'HEAD /ollama/',
  'HEAD /readyz',
  'HEAD /reference/*',
  'POST /api/v1/auth/token',
];

interface Route {
  readonly method: string;
  readonly url: string;
}

/** Every route there is, read from Fastify's own drawing of its tree. */
function allRoutes(tree: string): readonly Route[] {
  const parts: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods = ''] =
      /^([│ ]*)[├└]── (\S+)(?: \(([^)]+)\))?$/.exec(line) ?? [];
    if (part === '') return [];
    const depth = indent.length / 4;
    // The drawing leaves out the slash before a wildcard.
    parts.splice(depth, parts.length, part === '*' && parts[depth - 1]?.endsWith('/') !== true ? '/*' : part);
    const url = parts.join('');
    return methods.split(', ').map((method) => ({ method, url }));
  });
}

/** The permissions that the description names for each route. */
async function describedScopes(app: Awaited<ReturnType<typeof openHttpGround>>['app']) {
  const response = await app.inject('/openapi.json');
  const { paths } = response.json<{ paths: Record<string, Record<string, { description?: string }>> }>();
  return Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, { description = '' }]) => ({
      method: method.toUpperCase(),
      url: url.replaceAll(/\{[^}]+\}/g, 'run_1'),
      // The sentence that the server itself adds; others may name permissions too.
      scopes: [...(/Needs [^.]+\./.exec(description)?.[0] ?? '').matchAll(/`([a-z]+:[a-z]+)`/g)].map(
        (match) => match[1] ?? '',
      ),
    })),
  );
}

describe('guardRequests', () => {
  it('lets nobody without credentials into any route but those pinned here', async () => {
    const { app } = await openHttpGround();
    await app.ready();
    const routes = allRoutes(app.printRoutes({ commonPrefix: false }));
    expect(routes.length).toBeGreaterThan(50);
    const open: string[] = [];
    for (const { method, url } of routes) {
      const { statusCode } = await app.inject({
        method: method as 'GET',
        url: url.replaceAll(/:\w+/g, 'run_1'),
      });
      if (statusCode !== 401 || url === '/api/v1/auth/token') open.push(`${method} ${url}`);
    }
    expect(open.toSorted()).toEqual(publicRoutes);
  });

  it('asks each route for one of its permissions and no other', async () => {
    const { app } = await openHttpGround();
    const guarded = (await describedScopes(app)).filter(({ scopes }) => scopes.length > 0);
    expect(guarded.length).toBeGreaterThan(25);
    for (const { method, url, scopes } of guarded) {
      const others = permissionScopes.filter((scope) => scope !== 'admin' && !scopes.includes(scope));
      const call = (key: string) =>
        app.inject({ method: method as 'GET', url, headers: { 'x-api-key': `key-${key}` }, body: {} });
      expect([url, (await call('none')).statusCode]).toEqual([url, 403]);
      expect([url, (await call(others.join(','))).statusCode]).toEqual([url, 403]);
      for (const scope of scopes.filter((name) => permissionScopes.includes(name as 'admin'))) {
        expect([401, 403]).not.toContain((await call(scope)).statusCode);
      }
    }
  });

  it('does not start with a route that declares nothing', async () => {
    const { app } = await openHttpGround({
      extraRoutes: [(scope) => void scope.get('/forgotten', () => 'x')],
    });
    await expect(app.ready()).rejects.toThrow('GET /forgotten');
  });

  it.each([
    [{ 'x-api-key': 'key-none' }, 200],
    [{ authorization: 'Bearer key-none' }, 200],
    [{ authorization: 'bearer   key-none' }, 200],
    [{ authorization: 'Basic key-none' }, 401],
    [{ authorization: 'key-none' }, 401],
    [{ authorization: 'Bearer' }, 401],
    [{ 'x-api-key': '' }, 401],
    [{ 'x-api-key': 'wrong', authorization: 'Bearer key-none' }, 401],
    [{}, 401],
  ])('answers the credentials %j with %i', async (headers, status) => {
    const { app } = await openHttpGround();
    const response = await app.inject({ url: '/api/v1/auth/me', headers });
    expect(response.statusCode).toBe(status);
    if (status === 401) {
      expect(response.headers['www-authenticate']).toBe('Bearer realm="agent33"');
      expect(response.json()).toMatchObject({ code: 'unauthenticated', status: 401 });
    }
  });

  it('takes no credentials from the address', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject('/api/v1/auth/me?api_key=key-admin&access_token=key-admin');
    expect(response.statusCode).toBe(401);
  });

  it('refuses other host names and pages of other sites before anything else', async () => {
    const { app } = await openHttpGround();
    const foreignHost = await app.inject({ url: '/health', headers: { host: 'evil.example' } });
    expect(foreignHost.statusCode).toBe(403);
    const call = (origin: string, method: 'POST' | 'GET' = 'POST') =>
      app.inject({
        method,
        url: method === 'GET' ? '/api/v1/agents' : '/api/v1/chat',
        headers: { ...asAdmin, host: 'localhost:8000', origin },
        ...(method === 'GET' ? {} : { body: { message: 'hi' } }),
      });
    expect((await call('http://evil.example')).statusCode).toBe(403);
    expect((await call('null')).statusCode).toBe(403);
    expect((await call('http://localhost:8000')).statusCode).toBe(200);
    const read = await call('http://evil.example', 'GET');
    expect(read.headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'refuses what a form of another site can send: %j',
    async (type) => {
      const { app, runs } = await openHttpGround();
      const response = await app.inject({
        method: 'POST',
        url: '/api/v1/chat',
        headers: { ...asAdmin, ...(type === '' ? {} : { 'content-type': type }) },
        body: '{"message":"hi"}',
      });
      expect(response.statusCode).toBe(415);
      expect(runs.requests).toEqual([]);
    },
  );

  it('answers allowed origins, and only those, with CORS headers', async () => {
    const { app } = await openHttpGround({ config: { API_ALLOWED_ORIGINS: ['https://app.example.com'] } });
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: '/api/v1/chat',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-headers': expect.stringContaining('x-api-key') as string,
      vary: 'origin',
    });
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
    const posted = await app.inject({
      method: 'POST',
      url: '/api/v1/chat',
      headers: { ...asAdmin, origin: 'https://app.example.com' },
      body: { message: 'hi' },
    });
    expect(posted.statusCode).toBe(200);
    expect(posted.headers['access-control-allow-origin']).toBe('https://app.example.com');
    const other = await app.inject({
      method: 'OPTIONS',
      url: '/api/v1/chat',
      headers: { origin: 'https://evil.example' },
    });
    expect(other.statusCode).toBe(405);
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('sends the security headers with every kind of answer', async () => {
    const { app } = await openHttpGround();
    const answers = await Promise.all([
      app.inject('/healthz'),
      app.inject('/nowhere'),
      app.inject('/%zz'),
      app.inject({ method: 'DELETE', url: '/health' }),
      app.inject('/api/v1/agents'),
      app.inject({ url: '/healthz', headers: { host: 'evil.example' } }),
      app.inject({ method: 'POST', url: '/v1/chat/completions', headers: asAdmin, body: {} }),
      app.inject({
        method: 'POST',
        url: '/api/v1/chat',
        headers: asAdmin,
        body: { message: 'hi', stream: true },
      }),
    ]);
    for (const { headers, statusCode } of answers) {
      expect(headers, String(statusCode)).toMatchObject({
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      });
    }
  });

  it('gives extra routes the bytes as they came', async () => {
    const bodies: unknown[] = [];
    const { app } = await openHttpGround({
      extraRoutes: [
        (scope) =>
          void scope.post('/webhooks/:platform', { config: { public: true } }, (request) => {
            bodies.push(request.body);
            return { ok: true };
          }),
      ],
    });
    for (const type of ['application/json', 'text/plain', 'application/octet-stream']) {
      const response = await app.inject({
        method: 'POST',
        url: '/webhooks/x',
        headers: { 'content-type': type },
        body: '{ "a": 1 }',
      });
      expect(response.json()).toEqual({ ok: true });
    }
    expect(bodies).toEqual([1, 2, 3].map(() => Buffer.from('{ "a": 1 }')));
  });
});
