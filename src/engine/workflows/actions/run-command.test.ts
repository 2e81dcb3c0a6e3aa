import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, systemClock } from '../../../base/index.ts';
import { openStep, type WorkflowGroundOptions } from '../../../testing/workflow-ground.ts';

let projectDir: string;

beforeAll(async () => {
  projectDir = await realpath(await mkdtemp(path.join(tmpdir(), 'agent33-actions-')));
  await mkdir(path.join(projectDir, 'sub'));
  await symlink('/', path.join(projectDir, 'way-out'));
  await writeFile(path.join(projectDir, 'say.sh'), '#!/bin/sh\necho "said $1"\n', { mode: 0o755 });
});
afterAll(() => rm(projectDir, { recursive: true, force: true }));

describe('run_command', () => {
  const allow = ['sh', 'cat', './say.sh', 'env', 'sleep', 'pwd'];
  const run = (inputs: object, options: WorkflowGroundOptions = {}, more = {}) =>
    openStep('run_command', inputs, { projectDir, commands: { allow }, ...options }, more);

  it('executes an allowed program with its words as they are', async () => {
    const ground = await run({
      command: ['sh', '-c', 'printf "%s|" "$@"; cat; exit 0', 'x', 'a b', '$HOME;ls'],
      stdin: 'in',
    });
    expect(await ground.output()).toEqual({
      exit_code: 0,
      signal: null,
      stdout: 'a b|$HOME;ls|in',
      stderr: '',
      truncated: false,
    });
  });

  it.each([
    [
      'nothing, where the project allows nothing',
      { commands: { allow: [] } },
      { command: ['sh'] },
      'forbidden',
      /spec\.commands\.allow .* names no program/,
    ],
    ['no other program', {}, { command: ['shh'] }, 'forbidden', /"shh" is not among .*did you mean "sh"/],
    ['not an allowed name by its path', {}, { command: ['/bin/sh'] }, 'forbidden', /not among/],
    ['nothing outside the project', {}, { command: ['pwd'], cwd: '../' }, 'forbidden', /outside the project/],
    [
      'nothing outside by a link',
      {},
      { command: ['pwd'], cwd: 'way-out/tmp' },
      'forbidden',
      /outside the project/,
    ],
    [
      'no missing folder',
      {},
      { command: ['pwd'], cwd: 'nowhere' },
      'not_found',
      /there is no folder "nowhere"/,
    ],
    [
      'no missing program',
      { commands: { allow: ['no-such-thing'] } },
      { command: ['no-such-thing'] },
      'not_found',
      /no program/,
    ],
  ])('executes %s', async (_what, options, inputs, code, message) => {
    const error = await (await run(inputs, options)).failure();
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('works in a folder of the project, with programs of the project', async () => {
    expect(await (await run({ command: ['pwd'], cwd: 'sub' })).output()).toMatchObject({
      stdout: `${projectDir}/sub\n`,
    });
    expect(await (await run({ command: ['./say.sh', 'hi'], cwd: 'sub' })).output()).toMatchObject({
      stdout: 'said hi\n',
    });
  });

  it('gives on PATH, HOME, LANG, what the project names and what the step says, and nothing else', async () => {
    const environment = { PATH: process.env['PATH'] ?? '', HOME: '/home/x', SECRET: 's3cret', SHARED: 'ok' };
    const ground = await run(
      { command: ['env'], env: { OWN: '1' } },
      { environment, commands: { allow, environment: ['SHARED'] } },
    );
    const { stdout } = (await ground.output()) as { stdout: string };
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0] ?? '')
        .toSorted(),
    ).toEqual(['HOME', 'OWN', 'PATH', 'SHARED']);
  });

  it.each(['PATH', 'LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS', 'BASH_ENV'])(
    'lets no step set %s, which decides what an allowed name executes',
    async (name) => {
      const ground = await run({ command: ['sh', '-c', 'true'], env: { [name]: `${projectDir}/sub` } });
      expect(await ground.failure()).toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining(`inputs.env: "${name}"`),
      });
    },
  );

  it('waits no longer than allowed for a process that left the group and holds the pipes', async () => {
    const leaves = `require('child_process').spawn('sleep', ['8'], { detached: true, stdio: 'inherit' }).unref()`;
    const began = performance.now();
    const ground = await run(
      { command: [process.execPath, '-e', leaves], timeout: 1500 },
      { commands: { allow: [process.execPath] } },
    );
    expect(await ground.failure()).toMatchObject({ code: 'timeout' });
    expect(performance.now() - began).toBeLessThan(6000);
  });

  it('fails with the exit code and what was said, unless it is not checked', async () => {
    const command = ['sh', '-c', 'echo broken >&2; exit 3'];
    expect(await (await run({ command })).failure()).toMatchObject({
      code: 'upstream_error',
      message: 'step "a": "sh" exited with 3: broken',
      details: { exit_code: 3 },
    });
    expect(await (await run({ command, check: false })).output()).toMatchObject({
      exit_code: 3,
      stderr: 'broken\n',
    });
  });

  it('keeps no more output than allowed', async () => {
    const ground = await run({
      command: ['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x'],
      max_output: 1000,
    });
    expect(await ground.output()).toMatchObject({ stdout: 'x'.repeat(1000), truncated: true });
  });

  it('ends the whole group of processes when its time is over, or the run is stopped', async () => {
    const marker = path.join(projectDir, 'still-there');
    const command = ['sh', '-c', `(sleep 2; echo x > ${marker}) & sleep 30`];
    const began = performance.now();
    const late = await (await run({ command, timeout: 200 })).failure();
    expect(late).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/did not end within 200 ms/),
    });
    const stopped = new AbortController();
    const ground = await run({ command });
    const over = ground.execute(stopped.signal).catch((error: unknown) => error);
    setTimeout(() => stopped.abort(new AppError('cancelled', 'enough')), 200);
    expect(await over).toMatchObject({ code: 'cancelled' });
    expect(performance.now() - began).toBeLessThan(5000);
    await systemClock.sleep(2300);
    await expect(realpath(marker)).rejects.toThrow(/ENOENT/);
  });

  it('is not repeated when a crash left it in doubt, unless it says it may be', async () => {
    const { program } = await run({ command: ['pwd'] });
    const action = program.body.nodes[0]?.action;
    if (action?.mode !== 'step') throw new Error('expected a step action');
    expect(action.effect({ command: ['pwd'] })).toBe('unkeyed');
    expect(action.effect({ command: ['pwd'], idempotent: true })).toBe('keyed');
  });
});
