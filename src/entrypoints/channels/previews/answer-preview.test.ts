import { describe, expect, it } from 'vitest';
import { AppError, silentLogger } from '../../../base/index.ts';
import type { RunEvent, StoredRunEvent } from '../../../protocol/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { AccountPacer } from '../account-pacer.ts';
import type { AnswerPreviews, ChannelAdapter, LivePreview, PreviewContent } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { AnswerPreview } from './answer-preview.ts';
import { PreviewPace } from './preview-pace.ts';
import type { PreviewStore } from './preview-store.ts';

const address = { channel: 'c', platform: 'fake', accountId: '1', chatId: '2' };

/** Events of a run as the test tells them. */
class Events {
  readonly #told: StoredRunEvent[] = [];
  #wake: () => void = () => {};
  #isOver = false;
  #failure: Error | undefined;

  tell(event: RunEvent): void {
    this.#told.push({ runId: 'run_1', sequence: 1, at: '', event });
    this.#wake();
  }

  say(text: string, step = 'model:1'): void {
    this.tell({ type: 'text-delta', step, text });
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  async *events(_scope: unknown, _runId: string, options: { signal: AbortSignal }) {
    options.signal.addEventListener('abort', () => this.#wake());
    while (!options.signal.aborted) {
      const next = this.#told.shift();
      if (this.#failure !== undefined) throw this.#failure;
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

interface Behaviour {
  readonly behave?: (call: number, signal: AbortSignal) => Promise<void>;
  readonly live?: Partial<LivePreview>;
  readonly open?: boolean;
  readonly idempotentSend?: boolean;
}

function prepare({
  behave = () => Promise.resolve(),
  live = {},
  open = true,
  idempotentSend,
}: Behaviour = {}) {
  const clock = new FakeClock();
  const pacer = new AccountPacer(clock);
  const shown: string[] = [];
  const noted: string[] = [];
  const show = async ({ chunk }: PreviewContent, options: { signal: AbortSignal }): Promise<void> => {
    shown.push(chunk.body);
    await behave(shown.length, options.signal);
  };
  const previews: AnswerPreviews = {
    intervalMs: { dm: 1000, group: 3000 },
    perSecond: 10,
    isNative: () => false,
    async begin(target, content, options) {
      await target.reserve();
      await show(content, options);
      return { messageId: 'm1', update: show, ...live };
    },
    replace: () => Promise.resolve(),
  };
  const adapter = {
    previews,
    capabilities: { maxTextLength: 4000, buttons: false, idempotentSend },
    render: (markdown: string) =>
      markdown.trim() === '' ? [] : [{ body: markdown.trim(), plain: markdown.trim() }],
  } as unknown as ChannelAdapter;
  const store = {
    open: () => Promise.resolve(open),
    noteMessage: (_runId: string, id: string) => Promise.resolve(void noted.push(id)),
    close: () => Promise.resolve(void noted.push('closed')),
    release: () => Promise.resolve(void noted.push('released')),
  } as unknown as PreviewStore;
  const pace = new PreviewPace(clock);
  const follow = (more: { readonly isDm?: boolean; readonly tools?: boolean } = {}) => {
    const events = new Events();
    const preview = new AnswerPreview(
      { runs: events, store, pace, pacer, clock, logger: silentLogger },
      {
        runId: 'run_1',
        scope: { tenant: 'default', principal: 'p', scopes: [] },
        adapter,
        previews,
        address,
        userId: '7',
        isDm: true,
        nativeOnly: false,
        tools: false,
        ...more,
      },
    );
    let isOver = false;
    const over = preview.follow().finally(() => {
      isOver = true;
    });
    return { events, preview, over, isOver: () => isOver };
  };
  return { clock, pacer, shown, noted, follow };
}

describe('the preview of an answer', () => {
  it('shows the newest text at the interval of its chat, and nothing after its end', async () => {
    const { clock, shown, noted, follow } = prepare();
    const { events, over } = follow();
    events.say('one');
    await clock.advance(999);
    expect(shown).toEqual([]);
    events.say(' two');
    await clock.advance(1);
    expect(shown).toEqual(['one two']);
    events.say(' three');
    events.say(' four');
    await clock.advance(999);
    expect(shown).toHaveLength(1);
    await clock.advance(1);
    expect(shown).toEqual(['one two', 'one two three four']);
    await clock.advance(60_000);
    expect(shown).toHaveLength(2);
    events.say(' five');
    events.end();
    await over;
    await clock.advance(60_000);
    expect(shown).toHaveLength(2);
    expect(noted).toEqual(['m1', 'closed']);
    expect(clock.pending).toBe(0);
  });

  it('keeps the interval for all answers of a chat together', async () => {
    const { clock, shown, follow } = prepare();
    const [one, two] = [follow({ isDm: false }), follow({ isDm: false })];
    one.events.say('one');
    two.events.say('two');
    await clock.advance(3000);
    expect(shown).toHaveLength(1);
    await clock.advance(2999);
    expect(shown).toHaveLength(1);
    await clock.advance(1);
    expect(shown.toSorted()).toEqual(['one', 'two']);
  });

  it('repeats what would vanish', async () => {
    const { clock, shown, follow } = prepare({ live: { messageId: undefined, lifeMs: 30_000 } });
    const { events, over } = follow();
    events.say('thinking');
    await clock.advance(1000);
    await clock.advance(30_000);
    expect(shown).toEqual(['thinking', 'thinking']);
    events.say(' on');
    await clock.advance(1);
    expect(shown).toHaveLength(3);
    events.end();
    await over;
    expect(clock.pending).toBe(0);
  });

  it('ends after three failures in a row', async () => {
    const { clock, shown, follow, noted } = prepare({
      behave: (call) =>
        call === 1 || call === 3
          ? Promise.resolve()
          : Promise.reject(new SendError('retry', 'no connection')),
    });
    const { events, over } = follow();
    for (let round = 0; round < 10; round += 1) {
      events.say(`${round} `);
      await clock.advance(1000);
    }
    await over;
    expect(shown).toHaveLength(6);
    expect(noted.at(-1)).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['credentials', new SendError('permanent', 'Unauthorized', { unauthorized: true })],
    [
      'rate',
      new SendError('retry', 'slow down', { code: 'rate_limited', retryAfterMs: 9000, pauses: 'account' }),
    ],
    ['text', new SendError('permanent', 'no such chat')],
  ])('ends at the first refusal of the %s', async (_what, error) => {
    const { clock, shown, follow, pacer } = prepare({ behave: () => Promise.reject(error) });
    const { events, over } = follow();
    events.say('one');
    await clock.advance(1000);
    events.say(' two');
    await clock.advance(60_000);
    await over;
    expect(shown).toEqual(['one']);
    expect(pacer.pauseLeft('fake:1')).toBe(0);
  });

  it('makes the whole account wait as the platform asks, and waits with it', async () => {
    const error = { code: 'rate_limited', retryAfterMs: 9000, pauses: 'account' } as const;
    const { clock, shown, follow, pacer } = prepare({
      behave: (call) =>
        call === 1 ? Promise.reject(new SendError('retry', 'slow', error)) : Promise.resolve(),
    });
    const first = follow();
    first.events.say('one');
    await clock.advance(1000);
    expect(pacer.pauseLeft('fake:1')).toBe(9000);
    const second = follow();
    second.events.say('two');
    await clock.advance(8999);
    expect(shown).toEqual(['one']);
    await clock.advance(1);
    expect(shown).toEqual(['one', 'two']);
  });

  it('begins no second message when the first may be there, unless the platform would know it', async () => {
    const ambiguous = () => Promise.reject(new SendError('ambiguous', 'the answer was lost'));
    for (const idempotentSend of [false, true]) {
      const { clock, shown, follow } = prepare({
        behave: (call) => (call === 1 ? ambiguous() : Promise.resolve()),
        idempotentSend,
      });
      const { events } = follow();
      events.say('one');
      await clock.advance(1000);
      events.say(' two');
      await clock.advance(1000);
      expect(shown).toEqual(idempotentSend ? ['one', 'one two'] : ['one']);
    }
  });

  it('posts nothing when the run is over or another process shows it', async () => {
    const { clock, shown, noted, follow } = prepare({ open: false });
    const { events, over } = follow();
    events.say('one');
    await clock.advance(1000);
    await over;
    expect(shown).toEqual([]);
    expect(noted).toEqual([]);
  });

  it('ends by itself after a quarter of an hour', async () => {
    const { clock, shown, follow } = prepare();
    const { events, over } = follow();
    events.say('one');
    await clock.advance(15 * 60_000);
    await over;
    events.say(' two');
    await clock.advance(60_000);
    expect(shown).toEqual(['one']);
    expect(clock.pending).toBe(0);
  });

  it('gives up a call that hangs, and its end waits for one under way', async () => {
    const { clock, follow, noted } = prepare({
      behave: (_call, given) =>
        new Promise((_resolve, reject) => {
          given.addEventListener('abort', () => reject(given.reason as Error));
        }),
    });
    const { events, preview, isOver } = follow();
    events.say('one');
    await clock.advance(1000);
    preview.end();
    await clock.advance(2999);
    expect(isOver()).toBe(false);
    await clock.advance(1);
    expect(isOver()).toBe(true);
    expect(noted).toEqual(['closed']);
  });

  it('leaves what was said above a question, and lets the answer be a message of its own', async () => {
    const { clock, shown, noted, follow } = prepare();
    const { events, over } = follow({ tools: true });
    events.say('I will');
    await clock.advance(1000);
    events.say(' delete it.');
    const call = { id: 'c', name: 'delete', arguments: {} };
    events.tell({ type: 'tool-call', step: 's', call });
    events.tell({
      type: 'approval-requested',
      step: 's',
      approvalId: 'a',
      kind: 'approval',
      title: 't',
      deadlineAt: null,
    });
    await over;
    expect(shown.at(-1)).toBe('I will delete it.');
    expect(noted).toContain('released');
  });

  it('ends without a word when the events break off', async () => {
    const { clock, shown, noted, follow } = prepare();
    const { events, over } = follow();
    events.say('one');
    await clock.advance(1000);
    events.fail(new AppError('storage_unavailable', 'the database is away'));
    await over;
    expect(shown).toEqual(['one']);
    expect(noted).toEqual(['m1', 'closed']);
    expect(clock.pending).toBe(0);
  });
});
