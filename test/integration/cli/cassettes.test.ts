import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, ToolResult } from '../../../src/capabilities/tools/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel } from '../../../src/testing/index.ts';
import { CommandLine } from './command-line.ts';

const agent = (instructions: string): string => `apiVersion: agent33/v1
kind: Agent
metadata: { name: counter }
spec:
  instructions: ${instructions}
  model: { name: fake/model, config: { api_key: '\${COUNTER_KEY}' } }
  tools: [count]
`;
const files = {
  'agents/counter.yaml': agent('You count.'),
  'tools/count.ts': `import { defineTool, ToolResult, z } from 'agent33';
export default defineTool({
  name: 'count', description: 'Counts.', effect: 'none', parameters: z.object({ text: z.string() }),
  execute: ({ text }) => Promise.resolve(ToolResult.ok(String(text.length))),
});
`,
};
const noNetwork = pathToFileURL(path.join(import.meta.dirname, '../fixtures/no-network.ts')).href;

let folder: string;
let shell: CommandLine;
let cassette: string;

beforeAll(async () => {
  const fakeModel = new FakeModel({
    name: 'fake',
    models: ['model'],
    turns: [
      { toolCalls: [{ name: 'count', arguments: { text: 'key-of-the-counter' } }] },
      'It has 18 letters.',
    ],
  });
  // The file of the tool is for the command line, which runs without the test's way of loading modules.
  const count = defineTool({
    name: 'count',
    description: 'Counts.',
    effect: 'none',
    parameters: z.object({ text: z.string() }),
    execute: ({ text }) => Promise.resolve(ToolResult.ok(String(text.length))),
  });
  const app = await createMemoryApp({
    fakeModel,
    files,
    env: { COUNTER_KEY: 'key-of-the-counter' },
    app: { tools: [count] },
  });
  const executed = await app.request('POST', '/api/v1/agents/counter/execute', { input: 'count' });
  const { run_id: id } = (await executed.json()) as { run_id: string };
  const exported = await app.request('GET', `/api/v1/runs/${id}/cassette`);
  expect(exported.status).toBe(200);
  cassette = await exported.text();
  await app.stop();

  folder = await mkdtemp(path.join(tmpdir(), 'agent33-cassettes-'));
  for (const [name, text] of [...Object.entries(files), ['cassettes/count.json', cassette] as const]) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  shell = new CommandLine(folder, { NODE_OPTIONS: `--import ${noNetwork}` });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('agent33 test', () => {
  it('is tested where the network is off indeed', async () => {
    expect(await shell.run('status', '--url', 'http://127.0.0.1:1')).toMatchObject({
      code: 99,
      err: expect.stringContaining('network was used'),
    });
  });

  it('plays a cassette without server, database, network and keys', async () => {
    expect(cassette).not.toContain('key-of-the-counter');
    expect(await shell.run('test')).toMatchObject({
      code: 0,
      out: 'pass  cassettes/count.json  agent counter\n',
    });
    expect((await readdir(folder)).toSorted()).toEqual(['agents', 'cassettes', 'tools']);
    expect(await shell.json('test', 'cassettes/count.json')).toMatchObject([
      { file: 'cassettes/count.json', target: 'agent counter', status: 'passed', faults: [] },
    ]);
  });

  it('names what a changed prompt changes, and takes it over when told to', async () => {
    await writeFile(path.join(folder, 'agents/counter.yaml'), agent('You count letters.'));
    const { code, out, err } = await shell.run('test');
    expect(code).toBe(1);
    expect(out).toContain('step "model:1" (model) is asked for with other input than recorded');
    expect(out).toContain('- "You count."');
    expect(out).toContain('+ "You count letters."');
    expect(out).toContain('the definition changed at spec.instructions');
    expect(err).toContain('1 failed');
    expect(await shell.run('test', '--recorded')).toMatchObject({ code: 0 });
    expect(await shell.run('test', '--update')).toMatchObject({ code: 0, err: '1 updated\n' });
    expect(await shell.run('test')).toMatchObject({ code: 0, err: '1 passed\n' });
  });

  it('says that a new recording is needed where the run takes another course', async () => {
    await writeFile(
      path.join(folder, 'agents/counter.yaml'),
      `${agent('You count letters.')}  output: { schema: { type: object } }\n`,
    );
    const { code, out } = await shell.run('test', '--update');
    expect(code).toBe(1);
    expect(out).toContain('needs a new recording: step "model:3" (model) is asked for, but is not recorded');
    await writeFile(path.join(folder, 'agents/counter.yaml'), agent('You count letters.'));
  });

  it('checks what a cassette expects of the answer instead of its exact words', async () => {
    const file = path.join(folder, 'cassettes/count.json');
    const stored = JSON.parse(await readFile(file, 'utf8')) as {
      ending: { output: { text: string } };
    };
    stored.ending.output.text = 'It has 19 letters.';
    const write = (expected?: object) =>
      writeFile(file, JSON.stringify({ ...stored, ...(expected === undefined ? {} : { expect: expected }) }));
    await write();
    const exact = await shell.run('test');
    expect(exact.code).toBe(1);
    expect(exact.out).toContain('the output differs at text: "It has 19 letters." → "It has 18 letters."');
    await write({
      contains: ['18 letters'],
      schema: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
    });
    expect(await shell.run('test')).toMatchObject({ code: 0 });
    await write({ contains: ['20 letters'], schema: { type: 'object', required: ['verdict'] } });
    const unmet = await shell.run('test');
    expect(unmet.code).toBe(1);
    expect(unmet.out).toContain('expected the answer to contain "20 letters"');
    expect(unmet.out).toContain('verdict');
  });

  it('names files that are no cassettes, and how to record one where there is none', async () => {
    await writeFile(path.join(folder, 'cassettes/other.json'), '{"format": "agent33/cassette-v9"}');
    const { code, out } = await shell.run('test', 'cassettes/other.json');
    expect(code).toBe(1);
    expect(out).toContain('expected "agent33/cassette-v1", found "agent33/cassette-v9"');
    await mkdir(path.join(folder, 'none'));
    const none = await shell.run('test', 'none');
    expect(none.code).toBe(2);
    expect(none.err).toContain('agent33 runs export');
    expect((await shell.run('test', 'missing.json')).code).toBe(2);
  });
});
