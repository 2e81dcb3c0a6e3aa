import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { definitionKinds, type DefinitionKind } from '../../protocol/index.ts';
import { createFakeTerminal } from '../../testing/fake-terminal.ts';
import { runCli } from '../run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'a33-init-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const unused = (): Promise<never> => Promise.reject(new Error('init needs no service'));

async function cli(args: readonly string[]) {
  const terminal = createFakeTerminal({ cwd: folder });
  const code = await runCli(args, terminal.context, {
    openApp: unused,
    openWorker: unused,
    loadProject: unused,
    openLocalModels: unused,
    playCassettes: unused,
  });
  return { code, err: terminal.talk() };
}

describe('init', () => {
  it('writes definitions that are valid as written, with a schema line for editors', async () => {
    expect((await cli(['init', 'shop', '--kind', 'project'])).code).toBe(0);
    expect((await cli(['init', 'helper', '--dir', 'shop'])).code).toBe(0);
    expect((await cli(['init', 'bot', '--kind', 'channel', '--dir', 'shop'])).code).toBe(0);
    for (const file of ['agent33.yaml', 'agents/assistant.yaml', 'agents/helper.yaml', 'channels/bot.yaml']) {
      const source = readFileSync(path.join(folder, 'shop', file), 'utf8');
      expect(source).toMatch(/^# yaml-language-server: \$schema=\.\.?\/(?:\.)?\S+\.schema\.json\n/);
      const definition = parse(source) as { kind: DefinitionKind };
      expect(definitionKinds[definition.kind].schema.safeParse(definition).error, file).toBeUndefined();
    }
  });

  it('never overwrites without --force', async () => {
    await cli(['init', 'helper']);
    const file = path.join(folder, 'agents', 'helper.yaml');
    writeFileSync(file, 'mine');
    expect((await cli(['init', 'helper'])).code).toBe(5);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await cli(['init', 'helper', '--force'])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toBe('mine');
  });

  it('refuses unknown kinds and bad names, naming what is right', async () => {
    const result = await cli(['init', 'x', '--kind', 'spaceship']);
    expect(result.code).toBe(2);
    expect(result.err).toContain(
      'agent, channel, modelrouter, project, route, schedule, sensor, team, tool, workflow',
    );
    expect((await cli(['init', '../evil'])).code).toBe(2);
  });
});
