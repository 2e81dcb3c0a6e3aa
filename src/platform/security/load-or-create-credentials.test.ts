import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryLogger } from '../../testing/memory-logger.ts';
import { loadConfig } from '../config/index.ts';
import { lookupOf } from './api-key.ts';
import { loadOrCreateCredentials } from './index.ts';

let project: string;
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'a33-credentials-'));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function load(env: Record<string, string> = {}) {
  const logger = createMemoryLogger();
  const config = loadConfig({ env, projectDir: project, workingDir: project });
  return { logger, loaded: loadOrCreateCredentials({ config, logger }) };
}

const fileOf = (name: string): string => path.join(project, '.agent33', name);
const permissions = (name: string): number => statSync(fileOf(name)).mode & 0o777;
const stored = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(fileOf(name), 'utf8')) as Record<string, string>;

describe('loadOrCreateCredentials', () => {
  it('makes strong secrets and an admin key at the first start, readable by the owner only', async () => {
    const { loaded } = load();
    const credentials = await loaded;
    expect(Buffer.byteLength(credentials.jwtSecret)).toBeGreaterThanOrEqual(32);
    expect(credentials.apiSecretKey).not.toBe(credentials.jwtSecret);
    expect(credentials.encryptionKey).toMatch(/^[\w-]{43}=$/);
    expect(lookupOf(credentials.adminKey.key)).toBeDefined();
    expect(credentials.adminKey).toMatchObject({ isNew: true, configured: false });
    expect(permissions('secrets.json')).toBe(0o600);
    expect(permissions('credentials.json')).toBe(0o600);
  });

  it('gives the same at the next start, and shows the key only once', async () => {
    const first = await load().loaded;
    const second = await load().loaded;
    expect(second.jwtSecret).toBe(first.jwtSecret);
    expect(second.encryptionKey).toBe(first.encryptionKey);
    expect(second.adminKey).toEqual({ key: first.adminKey.key, isNew: false, configured: false });
  });

  it('gives one set of secrets to processes that start at the same moment', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => load().loaded));
    expect(new Set(all.map(({ jwtSecret }) => jwtSecret)).size).toBe(1);
    expect(new Set(all.map(({ adminKey }) => adminKey.key)).size).toBe(1);
    expect(all.filter(({ adminKey }) => adminKey.isNew)).toHaveLength(1);
  });

  it('takes what is configured and keeps it out of its files', async () => {
    const jwt = 'j'.repeat(40);
    const key = `a33_${'k'.repeat(30)}`;
    const credentials = await load({ JWT_SECRET: jwt, AGENT33_BOOTSTRAP_KEY: key }).loaded;
    await credentials.announce('http://127.0.0.1:8000');
    expect(credentials.jwtSecret).toBe(jwt);
    expect(credentials.adminKey).toEqual({ key, configured: true, isNew: false });
    expect(Object.keys(stored('secrets.json'))).toEqual(['API_SECRET_KEY', 'ENCRYPTION_KEY']);
    expect(stored('credentials.json')).toEqual({ url: 'http://127.0.0.1:8000' });
  });

  it('tells commands on this machine where the server is and how to be let in', async () => {
    const credentials = await load().loaded;
    await credentials.announce('http://127.0.0.1:8123');
    expect(stored('credentials.json')).toEqual({
      api_key: credentials.adminKey.key,
      url: 'http://127.0.0.1:8123',
    });
    expect(permissions('credentials.json')).toBe(0o600);
  });

  it('closes a file that others could read, and says so', async () => {
    await load().loaded;
    chmodSync(fileOf('secrets.json'), 0o644);
    const { loaded, logger } = load();
    await loaded;
    expect(permissions('secrets.json')).toBe(0o600);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('refuses a damaged file instead of making new secrets over it', async () => {
    await load().loaded;
    writeFileSync(fileOf('secrets.json'), '{"JWT_SEC');
    await expect(load().loaded).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('secrets.json') as string,
    });
  });

  it('refuses a bootstrap key that could be guessed', async () => {
    await expect(load({ AGENT33_BOOTSTRAP_KEY: 'a33_admin' }).loaded).rejects.toMatchObject({
      code: 'invalid_config',
    });
  });

  it('warns in development about what production refuses', async () => {
    const { loaded, logger } = load({ JWT_SECRET: 'change-me-in-production', API_HOST: '0.0.0.0' });
    await loaded;
    const problems = logger.lines.map(({ fields }) => String(fields['problem']));
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain('JWT_SECRET');
    expect(problems.join()).not.toContain('change-me-in-production');
  });
});
