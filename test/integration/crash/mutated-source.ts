import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../../..');

/** Replaces text that must stand exactly once in a file. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A copy of the sources with one thing made wrong, to see whether a test notices. `tests`: the folder of tests that holds
 * the server's script. `await using` removes it.
 */
export async function mutateSource(
  mutation: Mutation,
  tests = 'test/integration/crash',
): Promise<AsyncDisposable & { readonly root: string }> {
  const copy = await mkdtemp(path.join(tmpdir(), 'agent33-mutation-'));
  for (const entry of ['src', 'template', 'package.json', tests].filter((one) =>
    existsSync(path.join(root, one)),
  ))
    await cp(path.join(root, entry), path.join(copy, entry), { recursive: true });
  await symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  const file = path.join(copy, mutation.file);
  const parts = (await readFile(file, 'utf8')).split(mutation.from);
  if (parts.length !== 2)
    throw new Error(`${mutation.file} holds the text to mutate ${parts.length - 1} times`);
  await writeFile(file, parts.join(mutation.to));
  return { root: copy, [Symbol.asyncDispose]: () => rm(copy, { recursive: true, force: true }) };
}
