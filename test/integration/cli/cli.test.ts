import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine, untilSaid } from './command-line.ts';

let folder: string;
let shell: CommandLine;
let server: ChildProcess;
let banner: string;

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exit = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGTERM');
  return (await exit)[0];
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'agent33-cli-'));
  shell = new CommandLine(folder);
  await shell.run('init', 'shop', '--kind', 'project', '--dir', '.');
  await shell.run('init', 'word-count', '--kind', 'tool');
  await writeFile(
    path.join(folder, 'agents/counter.yaml'),
    'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: counter }\nspec: { tools: [word_count] }\n',
  );
  server = shell.spawn('serve', '--port', '0');
  banner = await untilSaid(server, /curl /);
});
afterAll(async () => {
  await end(server);
  await rm(folder, { recursive: true, force: true });
});

describe('agent33 on the command line', () => {
  it('says at the first start where it is and what the key is, and keeps both for its owner', async () => {
    const stored = JSON.parse(await readFile(path.join(folder, '.agent33/credentials.json'), 'utf8')) as {
      url: string;
      api_key: string;
    };
    expect(banner).toContain(stored.url);
    expect(banner).toContain(stored.api_key);
    expect(banner).toContain('no language model connected');
    expect((await stat(path.join(folder, '.agent33/credentials.json'))).mode & 0o777).toBe(0o600);
  });

  it('knows the server by itself: status, models, doctor', async () => {
    expect(await shell.run('status')).toMatchObject({ code: 0 });
    expect(await shell.json('status')).toMatchObject({ status: 'healthy' });
    expect(JSON.stringify(await shell.json('models', 'list'))).toContain('counter');
    const { code, out } = await shell.run('doctor');
    expect(code).toBe(0);
    expect(out).toContain('an Agent33 server is running');
  });

  it('chats and runs agents, with tools of the project, and finds the runs afterwards', async () => {
    const chat = await shell.run('chat', 'counter', '-m', 'count the words of: one two three');
    expect(chat).toMatchObject({ code: 0 });
    expect(chat.out).toContain('3 words');
    const ran = await shell.json<{ run_id: string; response: string }>(
      'run',
      'assistant',
      '--inputs',
      '{"message":"what is 6 * 7"}',
    );
    expect(ran.response).toContain('42');
    const runs = await shell.json<{ id: string; status: string }[]>('runs', 'list');
    expect(runs).toHaveLength(2);
    expect(await shell.json('runs', 'show', ran.run_id)).toMatchObject({
      id: ran.run_id,
      status: 'completed',
    });
    expect((await shell.run('runs', 'steps', ran.run_id)).out).toContain('tool:1:0');
    expect(await shell.run('runs', 'replay', ran.run_id)).toMatchObject({
      code: 0,
      out: 'identical: 3 steps answered from the journal\n',
    });
    const fork = await shell.run(
      ...`runs fork ${ran.run_id} --from model:2 --set steps.tool:1:0.output.content=99`.split(' '),
    );
    const forkId = fork.out.trim();
    expect(forkId).toMatch(/^run_/);
    await expect
      .poll(async () => (await shell.json<{ status: string }>('runs', 'show', forkId)).status, {
        timeout: 30_000,
      })
      .toBe('completed');
    const diff = await shell.run('runs', 'diff', ran.run_id, forkId);
    expect(diff.out).toMatch(/≠ {2}tool:1:0 .* content/);
    expect(diff.out).toContain('calculator: 99');
    expect((await shell.run('runs', 'resume', ran.run_id)).code).toBe(5);
    expect((await shell.run('runs', 'retry', ran.run_id)).code).toBe(5);
    await shell.run('runs', 'export', ran.run_id, '--cassette', 'cassettes/six.json');
    expect(await shell.run('test')).toMatchObject({ code: 0, err: '1 passed\n' });
    const [session] = await shell.json<{ id: string }[]>('sessions', 'list');
    expect(await shell.run('sessions', 'show', session?.id ?? '')).toMatchObject({ code: 0 });
    expect(await shell.run('sessions', 'delete', session?.id ?? '')).toMatchObject({ code: 0 });
  });

  it('makes keys, shows them once, and revokes them', async () => {
    const made = await shell.json<{ id: string; key: string }>(
      'keys',
      'create',
      'ci',
      '--scopes',
      'agents:read',
    );
    expect(made.key).toMatch(/^a33_/);
    const limited = new CommandLine(folder, { AGENT33_API_KEY: made.key });
    expect(await limited.run('agents', 'list')).toMatchObject({ code: 0 });
    const refused = await limited.run('keys', 'list');
    expect(refused.code).toBe(3);
    expect(refused.err).toMatch(/admin/);
    expect((await shell.run('keys', 'list')).out).not.toContain(made.key);
    expect(await shell.run('keys', 'revoke', made.id)).toMatchObject({ code: 0 });
    expect((await limited.run('agents', 'list')).code).toBe(3);
  });

  it('creates agents from files over the API and deletes them', async () => {
    const file = path.join(folder, 'new.yaml');
    await writeFile(file, 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: fresh }\nspec: {}\n');
    expect(await shell.run('agents', 'apply', 'new.yaml')).toMatchObject({ code: 0 });
    expect((await shell.run('agents', 'list')).out).toContain('fresh');
    expect(await shell.run('agents', 'delete', 'fresh')).toMatchObject({ code: 0 });
    expect((await shell.run('agents', 'show', 'fresh')).code).toBe(4);
  });

  it('validates definitions with file, line and column', async () => {
    expect(await shell.run('validate')).toMatchObject({ code: 0 });
    const file = path.join(folder, 'agents/bad.yaml');
    await writeFile(
      file,
      'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: bad }\nspec:\n  toolz: []\n',
    );
    const { code, out, err } = await shell.run('validate');
    await rm(file);
    expect(code).not.toBe(0);
    expect(out + err).toContain('agents/bad.yaml:5:3');
    expect(out + err).toContain('toolz');
  });

  it('refuses a second server on the same folder and a port that is taken, saying who has it', async () => {
    const second = await shell.run('serve', '--port', '0');
    expect(second.code).toBe(5);
    expect(second.err).toContain(`process ${server.pid}`);
    const { port } = new URL(/http:\/\/\S+/.exec(banner)?.[0] ?? '');
    const elsewhere = new CommandLine(folder, { AGENT33_HOME: path.join(folder, 'other') });
    const taken = await elsewhere.run('serve', '--port', port);
    expect(taken.code).toBe(5);
    expect(taken.err).toContain(`port ${port} is in use`);
  });

  it('prints completion scripts, and helps where a command is misspelt', async () => {
    for (const kind of ['bash', 'zsh', 'fish'])
      expect((await shell.run('completion', kind)).out).toContain('agent33');
    const { code, err } = await shell.run('chta');
    expect(code).toBe(2);
    expect(err).toContain('chat');
  });

  it('ends on SIGTERM with code 0 and starts again with everything it had', async () => {
    expect(await end(server)).toBe(0);
    expect((await shell.run('status')).code).not.toBe(0);
    expect(await shell.run('migrate', 'status')).toMatchObject({ code: 0 });
    server = shell.spawn('serve', '--port', '0');
    const again = await untilSaid(server, /curl /);
    expect(again).not.toContain('shown this once');
    expect(await shell.json<unknown[]>('runs', 'list')).toHaveLength(3);
  });
});

const oldNode = '/usr/bin/node';
const hasOldNode =
  existsSync(oldNode) && process.execPath !== oldNode
    ? !(await import('node:child_process'))
        .execFileSync(oldNode, ['--version'])
        .toString()
        .match(/^v(?:2[4-9]|[3-9]\d)/)
    : false;
it.skipIf(!hasOldNode)('says what it needs when Node.js is too old', async () => {
  const { execFile } = await import('node:child_process');
  const bin = path.join(import.meta.dirname, '../../../bin/agent33.js');
  const child = execFile(oldNode, [bin, 'serve']);
  let err = '';
  child.stderr?.on('data', (chunk: string) => (err += chunk));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(2);
  expect(err).toContain('needs Node.js 24 or newer');
});
