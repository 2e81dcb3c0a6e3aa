import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, type TestApp } from '../../../src/testing/index.ts';

const run = promisify(execFile);
const repository = path.resolve(import.meta.dirname, '../../..');
const page = await readFile(path.join(repository, 'docs/clients.md'), 'utf8');
const examplesOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code);

let app: TestApp;
beforeAll(async () => {
  app = await createMemoryApp({
    fakeModel: new FakeModel({
      name: 'fake',
      models: ['model'],
      afterLast: 'loop',
      turns: ['a run is work'],
    }),
    files: {
      'agents/handbook.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: handbook }\nspec: { instructions: Answer. }\n',
    },
  });
});
afterAll(() => app.stop());

/** What a program prints that is given the address and the key. */
async function printed(program: string, ...given: string[]): Promise<string> {
  const env = { ...process.env, BASE: app.url, KEY: app.apiKey };
  const { stdout } = await run(program, given, { cwd: repository, env, timeout: 60_000 });
  return stdout;
}

it.each(examplesOf('ts').map((code) => [/from '([^']+)'/.exec(code)?.[1] ?? '', code] as const))(
  'the example with %s in docs/clients.md works',
  async (_name, code) => {
    expect(await printed(process.execPath, '--input-type=module', '-e', code)).toContain('a run is work');
  },
  60_000,
);

it('the commands with curl in docs/clients.md work', async () => {
  const [commands = ''] = examplesOf('sh');
  const output = await printed('bash', '-ec', commands);
  expect(output.match(/a run is work/g)).toHaveLength(4);
  expect(output).not.toContain('"error":{');
}, 60_000);
