import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = path.join(root, 'src');
const target = path.join(root, 'dist');

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error === undefined && status === 0) return;
  // A half-made result must not be taken for a build.
  rmSync(target, { recursive: true, force: true });
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}

/** What the compiler leaves behind: data files beside the sources. Module pages stay in the repository. */
function isAsset(file: string): boolean {
  return !/\.(?:ts|md)$/.test(file);
}

rmSync(target, { recursive: true, force: true });
run(process.execPath, [
  path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
  '-p',
  path.join(root, 'tsconfig.build.json'),
]);
for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !isAsset(entry.name)) continue;
  const file = path.join(entry.parentPath, entry.name);
  cpSync(file, path.join(target, path.relative(source, file)));
}
// The build is only done when the result runs.
run(process.execPath, [path.join(target, 'cli', 'main.js'), '--version']);
