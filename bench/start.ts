import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';

const root = path.join(import.meta.dirname, '..');
const idleMs = 8_000;

/** Starts the starter project as `npm start` does; ms until the banner, MB after a while without work. */
async function startOnce(projectDir: string, env: Readonly<Record<string, string>>, idle: boolean) {
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [path.join(root, 'src/cli/main.ts'), 'serve', '--dir', projectDir, '--port', '0'],
    {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('is ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`the server ended: ${text}`)));
  });
  const readyMs = performance.now() - begun;
  let residentMb = Number.NaN;
  if (idle) {
    await pause(idleMs);
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    residentMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
  return { readyMs, residentMb };
}

async function newProject(): Promise<string> {
  const projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-bench-'));
  await cp(path.join(root, 'examples/starter'), projectDir, {
    recursive: true,
    filter: (source) => !source.includes('.agent33'),
  });
  return projectDir;
}

export async function measureStart(): Promise<readonly Figure[]> {
  const first: number[] = [];
  const later: number[] = [];
  let embeddedMb = Number.NaN;
  for (let round = 0; round < 3; round += 1) {
    const projectDir = await newProject();
    first.push((await startOnce(projectDir, {}, false)).readyMs);
    const second = await startOnce(projectDir, {}, round === 2);
    later.push(second.readyMs, (await startOnce(projectDir, {}, false)).readyMs);
    embeddedMb = second.residentMb;
    await rm(projectDir, { recursive: true, force: true });
  }
  const figures: Figure[] = [
    {
      name: 'start to ready, embedded, first',
      value: `${Math.round(median(first))} ms`,
      goal: '≤ 3000 ms',
      met: median(first) <= 3000,
    },
    {
      name: 'start to ready, embedded, later',
      value: `${Math.round(median(later))} ms`,
      goal: '≤ 1500 ms',
      met: median(later) <= 1500,
    },
    {
      name: 'idle memory, embedded',
      value: `${Math.round(embeddedMb)} MB`,
      goal: '≤ 400 MB',
      met: embeddedMb <= 400,
    },
  ];
  if (await postgresAvailable()) {
    const database = await createTestDatabase();
    const projectDir = await newProject();
    const { residentMb } = await startOnce(projectDir, { DATABASE_URL: database.url }, true);
    figures.push({
      name: 'idle memory, external PostgreSQL',
      value: `${Math.round(residentMb)} MB`,
      goal: '≤ 150 MB',
      met: residentMb <= 150,
    });
    await rm(projectDir, { recursive: true, force: true });
    await database.drop();
  }
  return figures;
}
