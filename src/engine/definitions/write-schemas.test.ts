import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSchemas } from './write-schemas.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-schemas-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('writes a schema for each kind that editors can check files by', async () => {
  const folder = path.join(dir, 'made', 'on the way');
  await writeSchemas(folder);
  await writeSchemas(folder);
  expect((await readdir(folder)).toSorted()).toEqual([
    'agent.schema.json',
    'channel.schema.json',
    'modelrouter.schema.json',
    'project.schema.json',
    'route.schema.json',
    'schedule.schema.json',
    'sensor.schema.json',
    'team.schema.json',
    'workflow.schema.json',
  ]);
  const schema = JSON.parse(await readFile(path.join(folder, 'agent.schema.json'), 'utf8')) as object;
  const check = new Ajv({ strict: false }).compile(schema);
  const agent = { apiVersion: 'agent33/v1', kind: 'Agent', metadata: { name: 'helper' } };
  // What has a default may be left out, and short forms are fine.
  expect(check({ ...agent, spec: {} })).toBe(true);
  expect(check({ ...agent, spec: { model: 'llama3.2', tools: ['clock', { name: 'web_fetch' }] } })).toBe(
    true,
  );
  expect(check({ ...agent, spec: { toolz: [] } })).toBe(false);
  expect(check({ ...agent, spec: { limits: { maxSteps: 0 } } })).toBe(false);
  expect(check({ ...agent, metadata: { name: 'Big Name' }, spec: {} })).toBe(false);
});
