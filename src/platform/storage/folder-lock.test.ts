import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agent33-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const path = (): string => join(folder, 'lock.json');

/** A lock as this process would write it, changed. */
async function leaveLock(changes: Record<string, unknown>): Promise<void> {
  const unlock = await lockFolder(folder, 0);
  const own = JSON.parse(await readFile(path(), 'utf8')) as Record<string, unknown>;
  await unlock();
  await writeFile(path(), JSON.stringify({ ...own, ...changes }));
}

it('locks a folder once, also within one process, and leaves nothing behind', async () => {
  const unlock = await lockFolder(folder, 0);
  await expect(lockFolder(folder, 0)).rejects.toMatchObject({
    code: 'folder_locked',
    details: { pid: process.pid },
  });
  await unlock();
  await unlock();
  expect(await readdir(folder)).toEqual([]);
  await (
    await lockFolder(folder, 0)
  )();
});

it('takes over from a process id that was given out again', async () => {
  await leaveLock({ startTime: '1' });
  await (
    await lockFolder(folder, 0)
  )();
  expect(await readdir(folder)).toEqual([]);
});

it('takes over what was locked before the machine restarted', async () => {
  await leaveLock({ bootId: 'another' });
  await (
    await lockFolder(folder, 0)
  )();
});

it('does not take over from a process on another machine, and says how to go on', async () => {
  await leaveLock({ bootId: 'another', host: 'elsewhere' });
  await expect(lockFolder(folder, 0)).rejects.toThrow(/on elsewhere .*delete .*lock\.json when you are sure/);
});

it('asks the beacon about a process in another container', async () => {
  const unlock = await lockFolder(folder, 0);
  const own = JSON.parse(await readFile(path(), 'utf8')) as Record<string, unknown>;
  const foreign = JSON.stringify({ ...own, pidNamespace: 'pid:[1]', pid: 2 ** 22 - 7 });
  await writeFile(path(), foreign);
  // Its beacon, here our own, still shines.
  await expect(lockFolder(folder, 0)).rejects.toMatchObject({ code: 'folder_locked' });
  await unlock();
  expect(await readFile(path(), 'utf8')).toBe(foreign);
  // No beacon at all: it cannot be told.
  await expect(lockFolder(folder, 0)).rejects.toThrow(/cannot be seen from here/);
});

it('takes over from a container whose beacon has gone out with its process', async () => {
  await leaveLock({ pidNamespace: 'pid:[1]' });
  const script = `require('node:net').createServer().listen(${JSON.stringify(join(folder, 'lock.sock'))}, () => console.log('on'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await expect(lockFolder(folder, 0)).rejects.toMatchObject({ code: 'folder_locked' });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await readdir(folder)).toContain('lock.sock');
  await (
    await lockFolder(folder, 0)
  )();
  expect(await readdir(folder)).toEqual([]);
});

it('refuses a lock that it cannot read', async () => {
  await writeFile(path(), '{');
  await expect(lockFolder(folder, 0)).rejects.toThrow(/cannot be read/);
});
