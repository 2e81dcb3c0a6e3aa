import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../base/index.ts';

/** Writes the next numbered migration into a folder and returns its path. It still has to be listed in the folder's index. */
export async function createMigrationFile(folder: string, name: string): Promise<string> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new AppError(
      'invalid_request',
      `"${name}" is no name for a migration; use lower-case words joined by hyphens, such as add-run-tags.`,
    );
  }
  const numbers = (await readdir(folder)).map((file) => Number(/^(\d{4})-/.exec(file)?.[1] ?? 0));
  const number = String(Math.max(0, ...numbers) + 1).padStart(4, '0');
  const constant = name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
  const path = join(folder, `${number}-${name}.ts`);
  const text = `/** What this changes and why. Old processes may still run beside it: add first, remove in a later release. */\nexport const ${constant} = \`\n\`;\n`;
  await writeFile(path, text, { flag: 'wx' });
  return path;
}
