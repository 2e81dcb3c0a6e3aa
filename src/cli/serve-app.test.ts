import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { AppError } from '../base/index.ts';
import { createFakeTerminal } from '../testing/fake-terminal.ts';
import { serveApp, type ServedApp, type StartedApp } from './serve-app.ts';

const started: StartedApp = {
  url: 'http://127.0.0.1:8000',
  newApiKey: 'a33_new',
  model: 'offline/assistant',
  offline: true,
  agents: ['helper'],
  teams: ['crew'],
  workflows: Array.from({ length: 14 }, (_, index) => `flow-${index}`),
  schedules: [],
};

function fakeApp(start: () => Promise<StartedApp>): ServedApp & { stops: number } {
  return {
    stops: 0,
    start,
    async stop() {
      this.stops += 1;
    },
  };
}

describe('serve', () => {
  it('prints address, key, model and a curl line, then waits for the interrupt and stops the server', async () => {
    const terminal = createFakeTerminal({ cwd: '/' });
    const app = fakeApp(async () => started);
    const served = serveApp(terminal.context, app);
    await Promise.resolve();
    await Promise.resolve();
    expect(app.stops).toBe(0);
    terminal.interrupt();
    await served;
    expect(app.stops).toBe(1);
    expect(terminal.output()).toBe('');
    expect(terminal.talk()).toContain('-H "Authorization: Bearer a33_new"');
    expect(terminal.talk()).toContain('no language model connected');
    expect(terminal.talk()).toMatch(
      /agents +helper\n +teams +crew\n +workflows +flow-0, .*flow-11 and 2 more\n/,
    );
    expect(terminal.talk()).not.toContain('schedules');
  });

  it('stops at once when it was interrupted while it started', async () => {
    const terminal = createFakeTerminal({ cwd: '/' });
    const app = fakeApp(async () => {
      terminal.interrupt();
      return { ...started, newApiKey: undefined };
    });
    await serveApp(terminal.context, app);
    expect(app.stops).toBe(1);
    expect(terminal.talk()).toContain('$AGENT33_API_KEY');
  });

  it('names the program that has the port, and cleans up', async () => {
    const blocker = createServer();
    blocker.listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const app = fakeApp(async () => {
      const second = createServer();
      second.listen(port, '127.0.0.1');
      const [error] = (await once(second, 'error')) as [Error];
      throw new AppError('internal', 'the server did not start', { cause: error });
    });
    const terminal = createFakeTerminal({ cwd: '/' });
    const expected = process.platform === 'linux' ? `(process ${process.pid})` : 'another program';
    await expect(serveApp(terminal.context, app)).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(expected),
      hint: expect.stringContaining(`--port ${port + 1}`),
    });
    expect(app.stops).toBe(1);
    blocker.close();
  });
});
