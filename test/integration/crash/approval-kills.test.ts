import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { shortLived } from '../fixtures/short-lived.ts';

/** The n-th time that a process comes by there, it is killed. */
const moments: readonly (readonly [failpoint: string, nth: number])[] = [
  ['approval-before-commit', 1],
  ['approval-after-commit', 1],
  ['suspend-before-commit', 1],
  ['approval-settled-before-commit', 1],
  ['approval-settled-after-commit', 1],
  // The run wakes with the decision, and its approval step is recorded behind those of before.
  ['run-claimed', 2],
  ['step-recorded', 3],
];

async function runProcess(...args: readonly string[]): Promise<{ signal: string | null; out: string }> {
  const script = path.join(import.meta.dirname, 'approval-process.ts');
  const child = spawn(process.execPath, [...shortLived, script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { signal, out };
}

const hasPostgres = await postgresAvailable();

describe.each(['embedded', 'PostgreSQL'] as const)('kill -9 around an approval on %s', (kind) => {
  it.skipIf(kind === 'PostgreSQL' && !hasPostgres).each(moments)(
    'at %s (%i) the person is asked once, and everything is done once',
    async (failpoint, nth) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'agent33-approval-'));
      const created = kind === 'PostgreSQL' ? await createTestDatabase() : undefined;
      try {
        const database = created?.url ?? path.join(folder, 'data');
        const effects = path.join(folder, 'effects');
        const first = await runProcess(database, effects, failpoint, String(nth));
        expect(first.signal).toBe('SIGKILL');
        const second = await runProcess(database, effects);
        expect(JSON.parse(second.out)).toEqual({
          text: 'approved',
          error: null,
          asked: 1,
          notices: 1,
          signals: 1,
        });
        expect((await readFile(effects, 'utf8')).trim().split('\n')).toEqual([
          'parent before',
          'child before',
          'child after',
          'parent after',
        ]);
      } finally {
        await created?.drop();
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});
