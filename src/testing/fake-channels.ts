import { AppError } from '../base/index.ts';
import type { HttpServerDeps } from '../entrypoints/http/index.ts';

type Operations = HttpServerDeps['channels'];

const telegram: ReturnType<Operations['list']>[number] = {
  name: 'telegram',
  platform: 'telegram',
  agent: 'helper',
  mode: 'polling',
  accountId: '42',
  webhook: { path: '/webhooks/telegram/telegram', url: null },
  status: 'up',
  error: null,
  lastInAt: '2026-01-01T00:00:00.000Z',
  lastOutAt: null,
};

/** One channel, `telegram`, in which user 7 waits with the code 123456. */
export class FakeChannels implements Operations {
  readonly sent: { readonly chatId: string; readonly text: string }[] = [];
  paired: {
    userId: string;
    userName: string | null;
    subject: string | null;
    pairedBy: string;
    pairedAt: string;
  }[] = [];

  list(): ReturnType<Operations['list']> {
    return [telegram];
  }

  async messages(_scope: unknown, channel: string, limit: number) {
    this.#known(channel);
    const message = {
      direction: 'in' as const,
      at: telegram.lastInAt ?? '',
      status: 'accepted',
      chatId: '7',
      userId: '7',
      text: 'hello',
      runId: 'run_1',
      error: null,
    };
    return Promise.resolve([message].slice(0, limit));
  }

  async test(channel: string, to?: { chatId: string; text: string }): ReturnType<Operations['test']> {
    this.#known(channel);
    if (to !== undefined) this.sent.push(to);
    return Promise.resolve(telegram);
  }

  async retry(_scope: unknown, channel: string): Promise<number> {
    this.#known(channel);
    return Promise.resolve(3);
  }

  say(): ReturnType<Operations['say']> {
    return Promise.reject(new AppError('invalid_request', 'this channel is for people'));
  }

  async pairings(_scope: unknown, channel: string) {
    this.#known(channel);
    const at = '2026-01-01T00:00:00.000Z';
    const pending = [{ userId: '7', userName: 'Ann', createdAt: at, expiresAt: at }];
    return Promise.resolve({ pending, paired: this.paired });
  }

  async approvePairing(scope: { principal: string }, channel: string, code: string) {
    this.#known(channel);
    if (code !== '123456') throw new AppError('not_found', 'nobody waits with this code');
    const paired = {
      userId: '7',
      userName: 'Ann',
      subject: null,
      pairedBy: scope.principal,
      pairedAt: '2026-01-01T00:00:00.000Z',
    };
    this.paired.push(paired);
    return Promise.resolve(paired);
  }

  async invite(_scope: unknown, channel: string) {
    this.#known(channel);
    return Promise.resolve('654321');
  }

  async unpair(_scope: unknown, channel: string, userId: string) {
    this.#known(channel);
    this.paired = this.paired.filter((one) => one.userId !== userId);
    return Promise.resolve();
  }

  #known(channel: string): void {
    if (channel !== telegram.name) throw new AppError('not_found', `there is no channel "${channel}"`);
  }
}
