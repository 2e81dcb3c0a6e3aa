import { createServer } from 'node:net';
import { access, constants, mkdir, stat, statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isJsonObject, silentLogger, type JsonObject } from '../base/index.ts';
import { loadConfig, type Config } from '../platform/config/index.ts';
import { createApiClient } from './api-client.ts';
import type { CliContext } from './cli-context.ts';
import { toCliError } from './cli-error.ts';
import { findConnection } from './project-folder.ts';

/** Result of one check; `fix` says what to do about it. */
export type Finding = {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  readonly fix?: string;
};

interface Examined {
  readonly context: CliContext;
  readonly config: Config;
  /** `/health` of a server that is running for this project. */
  readonly health: JsonObject | undefined;
}

const mebibyte = 1024 * 1024;
const probeMs = 3000;

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return { check: 'node', state: 'ok', detail: `Node.js ${process.version}` };
  return {
    check: 'node',
    state: 'problem',
    detail: `Node.js ${process.version} is too old`,
    fix: 'install Node.js 24 or newer',
  };
}

function checkClock({ context }: Examined): Finding {
  const now = new Date(context.clock.now());
  // Tokens and certificates are judged by the clock; one that was never set stands years back.
  if (now.getUTCFullYear() >= 2026) return { check: 'clock', state: 'ok', detail: now.toISOString() };
  return {
    check: 'clock',
    state: 'problem',
    detail: `the machine’s clock says ${now.toISOString()}`,
    fix: 'set the clock, best by NTP: tokens and certificates fail without it',
  };
}

async function checkFolder({ config }: Examined): Promise<Finding> {
  const check = 'folder';
  try {
    await mkdir(config.homeDir, { recursive: true });
    await access(config.homeDir, constants.W_OK);
  } catch (error) {
    return {
      check,
      state: 'problem',
      detail: `${config.homeDir} cannot be written: ${(error as Error).message}`,
      fix: 'make the folder writable, or name another with AGENT33_HOME',
    };
  }
  const { bavail, bsize } = await statfs(config.homeDir);
  const free = Math.floor((bavail * bsize) / mebibyte);
  const detail = `${config.homeDir}, ${free} MiB free`;
  if (free >= 512) return { check, state: 'ok', detail };
  return {
    check,
    state: free < 64 ? 'problem' : 'warning',
    detail,
    fix: 'free some space: below 64 MiB the embedded database refuses writes',
  };
}

async function checkSecrets({ config }: Examined): Promise<Finding> {
  const check = 'keys';
  const files = ['credentials.json', 'secrets.json'].map((name) => path.join(config.homeDir, name));
  for (const file of files.filter((candidate) => existsSync(candidate))) {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      return {
        check,
        state: 'problem',
        detail: `${file} can be read by others`,
        fix: `chmod 600 ${file}`,
      };
    }
  }
  const made = existsSync(files[1] ?? '');
  return { check, state: 'ok', detail: made ? 'stored for you alone' : 'made at the first start' };
}

function tryToListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function checkPort({ config, health }: Examined): Promise<Finding> {
  const { API_HOST: host, API_PORT: port } = config;
  const check = 'port';
  if (health !== undefined) return { check, state: 'ok', detail: 'an Agent33 server is running' };
  const error = await tryToListen(host, port);
  if (error === undefined) return { check, state: 'ok', detail: `${host}:${port} is free` };
  return {
    check,
    state: 'problem',
    detail: `${host}:${port}: ${error.code === 'EADDRINUSE' ? 'used by another program' : error.message}`,
    fix: 'stop that program, or choose another port with API_PORT',
  };
}

async function checkDatabase({ context, config, health }: Examined): Promise<Finding> {
  const check = 'database';
  const services = health?.['services'];
  if (isJsonObject(services)) {
    const state = services['database'] ?? services['storage'];
    return state === 'down'
      ? { check, state: 'problem', detail: 'the running server cannot reach it', fix: 'see `agent33 status`' }
      : { check, state: 'ok', detail: 'in use by the running server' };
  }
  const embedded = config.DATABASE_URL === undefined;
  if (embedded && !existsSync(path.join(config.homeDir, 'database'))) {
    return { check, state: 'ok', detail: 'embedded; created at the first start' };
  }
  const { createStorage } = await import('../platform/storage/index.ts');
  const storage = createStorage({ config, clock: context.clock, logger: silentLogger, migrate: false });
  try {
    await storage.start();
    const { status, detail } = await storage.health(context.signal);
    return {
      check,
      state: status === 'ok' ? 'ok' : 'problem',
      detail: detail ?? (embedded ? 'embedded' : 'PostgreSQL answers'),
      ...(status === 'ok' ? {} : { fix: 'free disk space, or see the log of the database server' }),
    };
  } catch (error) {
    return {
      check,
      state: 'problem',
      detail: toCliError(error).message,
      fix: embedded
        ? 'stop the other process, or choose another AGENT33_HOME'
        : 'check DATABASE_URL and that the server runs',
    };
  } finally {
    await storage.stop();
  }
}

async function probe(
  { context }: Examined,
  url: string,
  address: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const { clock, signal } = context;
  try {
    const client = createApiClient({ url, apiKey: undefined, clock, signal });
    await client.call('GET', address, { headers, timeoutMs: probeMs });
    return undefined;
  } catch (error) {
    return toCliError(error).message;
  }
}

async function checkModels(examined: Examined): Promise<readonly Finding[]> {
  const { config } = examined;
  const findings: Finding[] = [];
  const report = async (
    name: string,
    fix: string,
    ...call: [url: string, address: string, headers?: Readonly<Record<string, string>>]
  ): Promise<void> => {
    const fault = await probe(examined, ...call);
    if (fault === undefined) findings.push({ check: 'model', state: 'ok', detail: `${name} answers` });
    else findings.push({ check: 'model', state: 'problem', detail: `${name}: ${fault}`, fix });
  };
  if (config.OLLAMA_BASE_URL !== undefined) {
    await report('Ollama', 'start it with `ollama serve`', config.OLLAMA_BASE_URL, '/api/version');
  }
  if (config.OPENAI_API_KEY !== undefined) {
    const base = config.OPENAI_BASE_URL ?? 'https://api.openai.com/v1';
    const headers = { authorization: `Bearer ${config.OPENAI_API_KEY}` };
    await report('OpenAI', 'check OPENAI_API_KEY and OPENAI_BASE_URL', base, '/models', headers);
  }
  if (config.ANTHROPIC_API_KEY !== undefined) {
    const base = (config.ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com').replace(/\/v1\/?$/, '');
    const headers = { 'x-api-key': config.ANTHROPIC_API_KEY, 'anthropic-version': '2023-06-01' };
    await report('Anthropic', 'check ANTHROPIC_API_KEY', base, '/v1/models', headers);
  }
  if (findings.length > 0) return findings;
  if ((await probe(examined, 'http://localhost:11434', '/api/version')) === undefined) {
    return [{ check: 'model', state: 'ok', detail: 'Ollama answers on this machine' }];
  }
  return [
    {
      check: 'model',
      state: 'warning',
      detail: 'no language model is configured; the offline assistant answers',
      fix: 'start Ollama, or set OPENAI_API_KEY or ANTHROPIC_API_KEY in .env',
    },
  ];
}

/** Checks everything that the server of a project stands on; never changes anything but creating AGENT33_HOME. */
export async function diagnose(context: CliContext, projectDir: string): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = loadConfig({ env: context.env, workingDir: context.cwd, projectDir });
  } catch (error) {
    const detail = toCliError(error).message;
    return [
      checkNode(),
      { check: 'configuration', state: 'problem', detail, fix: 'correct .env or the environment' },
    ];
  }
  const { clock, signal } = context;
  const client = createApiClient({ ...findConnection(context, { dir: projectDir }), clock, signal });
  const health = await client
    .call('GET', '/health', { accept: [503], timeoutMs: probeMs })
    .then((body) => (isJsonObject(body) ? body : undefined))
    .catch(() => undefined);
  const examined: Examined = { context, config, health };
  return [
    checkNode(),
    { check: 'configuration', state: 'ok', detail: `${config.AGENT33_ENV}, project ${projectDir}` },
    checkClock(examined),
    await checkFolder(examined),
    await checkSecrets(examined),
    await checkPort(examined),
    await checkDatabase(examined),
    ...(await checkModels(examined)),
  ];
}
