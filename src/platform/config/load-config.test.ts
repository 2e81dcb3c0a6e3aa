import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { configSettings, loadConfig, loadEnvironment, secretValues } from './index.ts';

let root: string;
let project: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'a33-config-'));
  project = mkdtempSync(path.join(root, 'project-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ env, projectDir: project, workingDir: root });
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('invalid_config');
    return (error as AppError).details?.['problems'] as string[];
  }
  return [];
}

const strong = 'q'.repeat(40);

describe('loadConfig', () => {
  it('works with nothing set and resolves its folders', () => {
    const config = loadConfig({ env: {}, projectDir: project, workingDir: root });
    expect(config).toMatchObject({ API_PORT: 8000, AGENT33_ENV: 'development', AGENT33_WORKER: true });
    expect(config.homeDir).toBe(path.join(project, '.agent33'));
  });

  it('takes overrides over the environment over the project’s .env over the working folder’s', () => {
    writeFileSync(path.join(root, '.env'), 'API_PORT=1\nAPI_HOST=a.test\nAPI_LOG_LEVEL=debug\nNAME="x y"\n');
    writeFileSync(path.join(project, '.env'), 'API_PORT=2\nAPI_HOST=b.test\n');
    const sources = { projectDir: project, workingDir: root, env: { API_PORT: '3' } };
    const config = loadConfig({ ...sources, overrides: { API_PORT: '4' } });
    expect(config).toMatchObject({ API_PORT: 4, API_HOST: 'b.test', API_LOG_LEVEL: 'debug' });
    expect(loadConfig(sources).API_PORT).toBe(3);
    expect(loadEnvironment(sources)).toMatchObject({ NAME: 'x y', API_PORT: '3' });
  });

  it('counts an empty variable as unset', () => {
    const config = loadConfig({
      env: { API_PORT: '', OPENAI_API_KEY: ' ' },
      projectDir: project,
      workingDir: root,
    });
    expect(config.API_PORT).toBe(8000);
    expect(config.OPENAI_API_KEY).toBeUndefined();
  });

  it('lists every problem at once with what was found and what is expected', () => {
    const problems = problemsOf({ API_PORT: 'eighty', AGENT33_WORKER: 'maybe', OLLAMA_BASE_URL: 'nowhere' });
    expect(problems).toEqual([
      'AGENT33_WORKER: found "maybe", expected true or false',
      'API_PORT: found "eighty", expected a whole number from 0 to 65535',
      'OLLAMA_BASE_URL: found "nowhere", expected an address that begins with http:// or https://',
    ]);
  });

  it('never shows the value of a secret', () => {
    const problems = problemsOf({ DATABASE_URL: 'mysql://u:hunter22@h/d' });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('DATABASE_URL: found a value of 22 characters (not shown), expected');
    expect(problems.join()).not.toContain('hunter22');
  });

  it('is frozen to the bottom', () => {
    const config = loadConfig({
      env: { API_ALLOWED_HOSTS: 'a, b,,' },
      projectDir: project,
      workingDir: root,
    });
    expect(config.API_ALLOWED_HOSTS).toEqual(['a', 'b']);
    expect(() => config.API_ALLOWED_HOSTS.push('c')).toThrow(TypeError);
    expect(() => Object.assign(config, { API_PORT: 1 })).toThrow(TypeError);
  });

  it('refuses known and short secrets in production, and allows them in development', () => {
    const weak = { JWT_SECRET: 'change-me-in-production', API_SECRET_KEY: 'short', ENCRYPTION_KEY: strong };
    expect(problemsOf(weak)).toEqual([]);
    const problems = problemsOf({ ...weak, AGENT33_ENV: 'production' });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['API_SECRET_KEY', 'JWT_SECRET']);
    expect(problemsOf({ AGENT33_ENV: 'production', JWT_SECRET: strong })).toEqual([]);
  });

  it('refuses in production to listen beyond loopback without naming the allowed hosts', () => {
    const open = { AGENT33_ENV: 'production', API_HOST: '0.0.0.0' };
    expect(problemsOf(open)[0]).toContain('API_ALLOWED_HOSTS');
    expect(problemsOf({ ...open, API_ALLOWED_HOSTS: 'agents.example.com' })).toEqual([]);
    expect(problemsOf({ AGENT33_ENV: 'production', API_HOST: '127.0.0.1' })).toEqual([]);
  });

  it('knows which values must never be logged, passwords of addresses included', () => {
    const config = loadConfig({
      env: { OPENAI_API_KEY: 'sk-12345678', DATABASE_URL: 'postgresql+asyncpg://u:p%40ss@db/a' },
      projectDir: project,
      workingDir: root,
    });
    expect([...secretValues(config)].toSorted()).toEqual(['p@ss', 'sk-12345678']);
  });

  it('describes every setting', () => {
    for (const setting of configSettings()) expect(setting.description, setting.name).not.toBe('');
  });
});
