import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../../base/index.ts';
import { createEgressClient } from '../../../../platform/http-client/index.ts';
import { FakeSlack } from '../../../../testing/channels.ts';
import { FakeClock } from '../../../../testing/fake-clock.ts';
import { SocketSession, type SocketSessionDeps } from './socket-session.ts';

let slack: FakeSlack;
let clock: FakeClock;

beforeEach(async () => {
  slack = await FakeSlack.start();
  slack.retryDelaysMs = [];
  slack.ackTimeoutMs = 500;
  clock = new FakeClock();
});
afterEach(() => slack.stop());

const open = (more: Partial<SocketSessionDeps> = {}): Promise<SocketSession> =>
  SocketSession.open(
    {
      clock,
      logger: silentLogger,
      connect: (address) => new WebSocket(address),
      accept: () => Promise.resolve({ outcome: 'submitted' }),
      ...more,
    },
    slack.apiBase.replace('http', 'ws'),
    AbortSignal.timeout(10_000),
  );

it.each(['guarded', 'plain'])(
  'gives up a line on which Slack has fallen silent, and only such a one: %s',
  async (way) => {
    const egress = createEgressClient({ allowPrivate: ['127.0.0.1'], hosts: ['127.0.0.1'] });
    const guarded = (address: string): WebSocket => egress.openWebSocket(address);
    const session = await open(way === 'guarded' ? { connect: guarded } : {});
    let ended = '';
    void session.ended.then((end) => {
      ended = end;
    });
    const heard = async (): Promise<void> => {
      slack.pingSockets();
      // Behind the ping: once it is acknowledged the ping was seen.
      expect((await slack.sendEvent({ type: 'x' })).status).toBe(200);
    };
    await heard();
    await clock.advance(50_000);
    await heard();
    await clock.advance(50_000);
    expect(ended).toBe('');
    await clock.advance(30_000);
    expect(ended).toBe('lost');
    await session.close();
    await egress.close();
  },
);

it('does not acknowledge an event that is not stored, and does not wait for it without end', async () => {
  const session = await open({ accept: () => new Promise(() => {}) });
  const delivery = slack.sendEvent({ type: 'x' });
  expect((await delivery).status).toBe(0);
  const closed = session.close();
  await clock.advance(5000);
  await clock.advance(1000);
  await closed;
  await slack.waitUntil(() => slack.connections === 0, 'the end of the session');
});

it('says why no session came about', async () => {
  const connect = (): WebSocket => new WebSocket('ws://127.0.0.1:1');
  await expect(open({ connect })).rejects.toMatchObject({ code: 'upstream_error' });
});
