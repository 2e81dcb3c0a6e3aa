import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMigrationFile } from './index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agent33-migrations-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('numbers the next migration after the highest one', async () => {
  await writeFile(join(folder, 'index.ts'), '');
  expect(basename(await createMigrationFile(folder, 'first'))).toBe('0001-first.ts');
  await writeFile(join(folder, '0041-other.ts'), '');
  const path = await createMigrationFile(folder, 'add-run-tags');
  expect(basename(path)).toBe('0042-add-run-tags.ts');
  expect(await readFile(path, 'utf8')).toContain('export const addRunTags = `');
});

it.each(['Add', '../x', 'a--b', '', 'a b'])('refuses the name "%s"', async (name) => {
  await expect(createMigrationFile(folder, name)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await readdir(folder)).toEqual([]);
});
