import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createFakeTerminal } from '../testing/fake-terminal.ts';
import { RestartingChild } from './restarting-child.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('replaces the child only when the old one has ended, and leaves none behind', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'a33-child-'));
  const script = path.join(folder, 'child.mjs');
  const log = path.join(folder, 'log');
  writeFileSync(log, '');
  writeFileSync(
    script,
    `import { appendFileSync } from 'node:fs';
     const say = (word) => appendFileSync(${JSON.stringify(log)}, word + ' ' + process.pid + '\\n');
     process.on('SIGTERM', () => { say('ended'); process.exit(0); });
     setInterval(() => {}, 1000);
     say('began');`,
  );
  const lines = (): readonly string[] => readFileSync(log, 'utf8').trim().split('\n');
  const child = new RestartingChild(createFakeTerminal({ cwd: folder }).context, [script]);
  try {
    child.start();
    const first = child.pid ?? 0;
    await expect.poll(() => lines().at(-1), { timeout: 10_000 }).toBe(`began ${first}`);
    await child.restart();
    const second = child.pid ?? 0;
    await expect.poll(() => lines().at(-1), { timeout: 10_000 }).toBe(`began ${second}`);
    expect(lines()).toEqual([`began ${first}`, `ended ${first}`, `began ${second}`]);
    await child.stop();
    expect([first, second].map(isAlive)).toEqual([false, false]);
    expect(child.pid).toBeUndefined();
  } finally {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
