import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { SlackStream } from './slack-stream.ts';

const signal = new AbortController().signal;

async function startWith(markdown: string) {
  const appended: string[] = [];
  const api = (_method: string, parameters: JsonObject): Promise<JsonObject> => {
    if (typeof parameters['markdown_text'] === 'string') appended.push(parameters['markdown_text']);
    return Promise.resolve({ ts: '1.2' });
  };
  const stream = await SlackStream.start(api, { channel: 'C1', thread_ts: '1.1' }, markdown, signal);
  return { stream, appended };
}

describe('a stream of Slack', () => {
  it('appends what is new', async () => {
    const { stream, appended } = await startWith('one');
    await stream.show('one two', signal);
    await stream.show('one two', signal);
    await stream.show('one two three', signal);
    expect(appended).toEqual(['one', ' two', ' three']);
  });

  it('goes on below where the text begins anew', async () => {
    const { stream, appended } = await startWith('Let me see.');
    await stream.show('The answer', signal);
    await stream.show('The answer is 4.', signal);
    expect(appended).toEqual(['Let me see.', '\n\nThe answer', ' is 4.']);
  });

  it('appends at most 12,000 characters at once and 39,000 in all, and cuts no character in two', async () => {
    const text = `${'x'.repeat(11_999)}${'👋'.repeat(20_000)}`;
    const { stream, appended } = await startWith(text);
    for (let round = 0; round < 10; round += 1) await stream.show(text, signal);
    expect(Math.max(...appended.map((part) => part.length))).toBeLessThanOrEqual(12_000);
    const whole = appended.join('');
    expect(whole.length).toBeLessThanOrEqual(39_000);
    expect(whole.length).toBeGreaterThan(30_000);
    expect(text.startsWith(whole)).toBe(true);
    expect(appended.every((part) => part.isWellFormed())).toBe(true);
  });
});
