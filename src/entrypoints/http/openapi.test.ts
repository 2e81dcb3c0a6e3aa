import { describe, expect, it } from 'vitest';
import { Ajv2020 as Ajv } from 'ajv/dist/2020.js';
import { bodyExamples } from './openapi-examples.ts';
import { openHttpGround } from '../../testing/http-ground.ts';

interface Description {
  readonly openapi: string;
  readonly paths: Record<
    string,
    Record<string, { summary?: string; responses: object; requestBody?: object }>
  >;
  readonly components: { schemas: Record<string, object> };
}

describe('the description of the API', () => {
  it('is OpenAPI 3.1, public, and describes every route with what it takes and gives', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject('/openapi.json');
    const description = response.json<Description>();
    expect(description.openapi).toBe('3.1.0');
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    expect(operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'post /api/v1/chat',
        'post /api/v1/agents/{id}/execute',
        'get /api/v1/runs/{id}/events',
        'post /v1/chat/completions',
        'get /health',
      ]),
    );
    for (const { name, operation } of operations) expect(operation.summary, name).toBeTruthy();
    expect(JSON.stringify(description.paths['/api/v1/chat'])).toContain('session_id');
    expect(Object.keys(description.components.schemas)).toEqual(
      expect.arrayContaining(['Run', 'RunAnswer', 'ApiKey', 'ChatCompletionRequest']),
    );
  });

  it('shows bodies that its own schemas take, and says what answers there are', async () => {
    const { app } = await openHttpGround();
    const { paths, components } = (await app.inject('/openapi.json')).json<Description>();
    const ajv = new Ajv({ strict: false, formats: { 'date-time': true } });
    for (const [place, example] of Object.entries(bodyExamples)) {
      const [method = '', path = ''] = place.split(' ');
      const operation = paths[path]?.[method] as
        | { requestBody: { content: Record<string, { schema: object; example: unknown }> } }
        | undefined;
      const body = operation?.requestBody.content['application/json'];
      expect(body?.example, place).toEqual(example);
      const valid = ajv.validate({ ...body?.schema, components }, example);
      expect([place, valid, ajv.errors]).toEqual([place, true, null]);
    }
    expect(Object.keys(paths['/api/v1/teams/{id}']?.['delete']?.responses ?? {})).toEqual(['204', 'default']);
    expect(JSON.stringify(paths['/api/v1/runs/{id}/events'])).toContain('text/event-stream');
  });

  it('has no reference that leads nowhere', async () => {
    const { app } = await openHttpGround();
    const { body } = await app.inject('/openapi.json');
    const { schemas } = (JSON.parse(body) as Description).components;
    const references = [...body.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(5);
    for (const reference of references) {
      expect(reference.startsWith('#/components/schemas/')).toBe(true);
      expect(Object.keys(schemas)).toContain(reference.split('/').at(-1));
    }
  });

  it('can be browsed, with nothing from elsewhere', async () => {
    const { app } = await openHttpGround();
    const page = await app.inject({ url: '/reference', headers: { host: 'localhost:8000' } });
    expect(page.statusCode).toBe(200);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|\*/);
    expect(policy).toMatch(/script-src 'self';/);
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(assets.length).toBeGreaterThan(4);
    for (const asset of assets) {
      expect(asset.startsWith('/reference/static/')).toBe(true);
      expect([asset, (await app.inject(asset)).statusCode]).toEqual([asset, 200]);
    }
    const setup = await app.inject('/reference/static/swagger-initializer.js');
    expect(setup.body).toContain('/openapi.json');
  });
});
