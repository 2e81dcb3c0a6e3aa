import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isJsonObject, tryParseJson } from '../base/index.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';

function isProject(folder: string): boolean {
  return ['agent33.yaml', 'agents', 'agent-definitions'].some((name) => existsSync(path.join(folder, name)));
}

function withParents(folder: string): readonly string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...withParents(parent)];
}

/** Folder of the project that a command means: `--dir`, the nearest one upwards, the starter below, else the working folder. */
export function findProjectDir(context: CliContext, options: GlobalOptions): string {
  if (options.dir !== undefined) return path.resolve(context.cwd, options.dir);
  const found = withParents(context.cwd).find(isProject);
  if (found !== undefined) return found;
  const starter = path.join(context.cwd, 'examples', 'starter');
  return isProject(starter) ? starter : context.cwd;
}

/** Where a server is and how to be let in. */
export interface Connection {
  readonly url: string;
  readonly apiKey: string | undefined;
}

function storedConnection(file: string): Partial<Connection> {
  try {
    const stored = tryParseJson(readFileSync(file, 'utf8'));
    if (!isJsonObject(stored)) return {};
    const { url, api_key: apiKey } = stored;
    return {
      ...(typeof url === 'string' ? { url } : {}),
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
    };
  } catch {
    // No file, or not ours to read: the command goes on without it and the server says what is missing.
    return {};
  }
}

/** Flags, then `AGENT33_URL` and `AGENT33_API_KEY`, then what the project's server wrote down when it started. */
export function findConnection(context: CliContext, options: GlobalOptions): Connection {
  const { env } = context;
  const home = path.resolve(findProjectDir(context, options), env['AGENT33_HOME'] || '.agent33');
  const stored = storedConnection(path.join(home, 'credentials.json'));
  const url = options.url ?? (env['AGENT33_URL'] || undefined);
  const named = options.apiKey ?? (env['AGENT33_API_KEY'] || undefined);
  // A stored key belongs to its own server and is sent to no other.
  const usable = url === undefined || url.replace(/\/$/, '') === stored.url ? stored.apiKey : undefined;
  return { url: url ?? stored.url ?? 'http://127.0.0.1:8000', apiKey: named ?? usable };
}
