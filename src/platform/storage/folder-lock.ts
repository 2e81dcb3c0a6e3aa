import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppError, isProcessRunning } from '../../base/index.ts';
import { lightBeacon, probeBeacon } from './folder-beacon.ts';

/** Who holds a folder. A process id alone is not enough: it is given out again after its process has died. */
export interface FolderOwner {
  readonly pid: number;
  /** Start time of the process in the kernel's ticks; null where the system does not tell. */
  readonly startTime: string | null;
  /** Identity of the running kernel, and of the process-id namespace (containers have their own). */
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  readonly host: string;
  readonly since: string;
}

const readOrNull = async (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null);

async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readOrNull(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may hold anything; the start time is the 22nd.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

async function describeSelf(now: number): Promise<FolderOwner> {
  return {
    pid: process.pid,
    startTime: await startTimeOf(process.pid),
    bootId: (await readOrNull('/proc/sys/kernel/random/boot_id'))?.trim() ?? null,
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => null),
    host: hostname(),
    since: new Date(now).toISOString(),
  };
}

/** `unknown`: the owner lives where this process cannot look. It is then taken for alive. */
async function ownerState(
  owner: FolderOwner,
  self: FolderOwner,
  beacon: string,
): Promise<'alive' | 'dead' | 'unknown'> {
  const sameKernel = owner.bootId === self.bootId;
  if (!sameKernel) return owner.host === self.host ? 'dead' : 'unknown';
  if (owner.host !== self.host && owner.bootId === null) return 'unknown';
  // Another container on this machine, or an earlier life of this one: its process ids say nothing here.
  if (owner.pidNamespace !== self.pidNamespace) return probeBeacon(beacon);
  if (!isProcessRunning(owner.pid)) return 'dead';
  if (owner.startTime === null) return 'alive';
  const startTime = await startTimeOf(owner.pid);
  return startTime === null || startTime === owner.startTime ? 'alive' : 'dead';
}

function parseOwner(text: string | null): FolderOwner | undefined {
  try {
    const owner = JSON.parse(text ?? '') as FolderOwner;
    return Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Creates the file with its content in one step; false when it is there already. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, text, { flag: 'wx' });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

function refuse(path: string, folder: string, owner: FolderOwner | undefined, unknown: boolean): AppError {
  if (owner === undefined) {
    return new AppError(
      'folder_locked',
      `${path} cannot be read. When no agent33 process uses ${folder}, delete that file and start again.`,
    );
  }
  const who = `process ${owner.pid} on ${owner.host} (since ${owner.since})`;
  const advice = unknown
    ? `Whether it still runs cannot be seen from here: stop it, or delete ${path} when you are sure that it is gone.`
    : 'Stop it first, choose another AGENT33_HOME, or set DATABASE_URL to share a PostgreSQL database.';
  return new AppError('folder_locked', `${folder} is in use by ${who}. ${advice}`, {
    details: { pid: owner.pid, host: owner.host },
  });
}

/**
 * Takes the folder for this process and returns the function that gives it back. A lock is taken over only from a
 * process that is dead for certain; age never counts. Throws `folder_locked` otherwise.
 */
export async function lockFolder(folder: string, now: number): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'lock.json');
  const beacon = join(folder, 'lock.sock');
  const self = await describeSelf(now);
  const text = JSON.stringify({ ...self, token: randomUUID() }, null, 2);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await createWhole(path, text)) {
      const extinguish = await lightBeacon(beacon);
      return async () => {
        await extinguish?.();
        await releaseFolder(path, text);
      };
    }
    const found = await readOrNull(path);
    if (found === null) continue;
    const owner = parseOwner(found);
    const state = owner === undefined ? 'unknown' : await ownerState(owner, self, beacon);
    if (owner === undefined || state !== 'dead') throw refuse(path, folder, owner, state === 'unknown');
    await removeDead({ path, found, owner, self, beacon });
  }
  throw new AppError(
    'folder_locked',
    `${path} changes all the time; are several processes starting in ${folder}?`,
  );
}

// Only one process at a time may remove a dead lock, and only the one that it has seen: else the second of two would
// remove the fresh lock of the first.
async function removeDead(lock: {
  path: string;
  found: string;
  owner: FolderOwner;
  self: FolderOwner;
  beacon: string;
}): Promise<void> {
  const { path, found, owner, self, beacon } = lock;
  const guard = `${path}.takeover`;
  if (!(await createWhole(guard, JSON.stringify(self)))) {
    const holder = parseOwner(await readOrNull(guard));
    if (holder !== undefined && (await ownerState(holder, self, beacon)) === 'dead') {
      throw new AppError(
        'folder_locked',
        `A take-over of the folder from process ${owner.pid} was cut short; delete ${guard} and start again.`,
      );
    }
    return;
  }
  try {
    if ((await readOrNull(path)) === found) await rm(path);
  } finally {
    await rm(guard, { force: true });
  }
}

async function releaseFolder(path: string, text: string): Promise<void> {
  if ((await readOrNull(path)) === text) await rm(path, { force: true });
}
