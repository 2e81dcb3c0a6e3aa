import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelAdapter, RawWebhook } from '../../entrypoints/channels/index.ts';
import type { Message } from '../../protocol/index.ts';

/** An adapter against a fake of its platform. */
export interface ChannelContractGround {
  readonly adapter: ChannelAdapter;
  /** A person writes this to the bot in a direct message; the update in the platform's own form. */
  update(text: string): unknown;
  /** Webhook calls that the adapter has to refuse. */
  readonly forged: readonly RawWebhook[];
  /** Texts that the platform shows in this chat, oldest first. */
  sent(): readonly string[];
  close(): Promise<void>;
  /** For platforms that carry files. */
  readonly files?: {
    /** A person sends a file; the update in the platform's own form. */
    update(file: { bytes: Uint8Array; name: string; mimeType: string }): unknown;
    /** The next download breaks off in the middle. */
    cutNext(): void;
    /** The next download is answered with 404. */
    loseNext(): void;
    /** Files that the platform shows in this chat, oldest first. */
    sent(): readonly { readonly name: string; readonly bytes: Uint8Array }[];
  };
}

const signal = (): AbortSignal => AbortSignal.timeout(10_000);

function messageOf(adapter: ChannelAdapter, update: unknown): Message {
  const { message, ignored } = adapter.parse(update);
  if (message === undefined) throw new Error(`the update was ignored: ${ignored}`);
  return message;
}

/** What every channel adapter promises to the pipeline. */
export function channelContract(name: string, prepare: () => Promise<ChannelContractGround>): void {
  describe(`${name} as a channel adapter`, () => {
    let ground: ChannelContractGround;
    beforeEach(async () => {
      ground = await prepare();
    });
    afterEach(async () => {
      await ground.adapter.stop();
      await ground.close();
    });

    it('normalises a direct message', () => {
      const { adapter } = ground;
      const update = ground.update('hello');
      const message = messageOf(adapter, update);
      expect(message).toMatchObject({
        platform: adapter.platform,
        account_id: adapter.accountId,
        text: 'hello',
        kind: 'message',
        chat_type: 'dm',
        mentions_bot: true,
        metadata: { raw: update },
      });
      expect(new Date(message.timestamp).toISOString()).toBe(message.timestamp);
    });

    it('gives the same event the same key, and two events two', () => {
      const { adapter } = ground;
      const first = ground.update('same');
      const key = messageOf(adapter, first).dedupe_key;
      expect(messageOf(adapter, structuredClone(first)).dedupe_key).toBe(key);
      expect(messageOf(adapter, ground.update('same')).dedupe_key).not.toBe(key);
    });

    it('names one conversation the same for all of its messages, with its account', () => {
      const { adapter } = ground;
      const keys = ['one', 'two'].map((text) =>
        adapter.conversation(messageOf(adapter, ground.update(text))),
      );
      expect(keys[0]).toBe(keys[1]);
      expect(keys[0]).toMatch(`${adapter.platform}:${adapter.accountId}:`);
    });

    it('never throws on what is no update of the platform', () => {
      for (const odd of [null, undefined, 1, '', [], {}, { message: null }, { update_id: 'x' }]) {
        expect(ground.adapter.parse(odd)).toEqual({ ignored: expect.any(String) });
      }
    });

    it('refuses forged webhook calls', () => {
      for (const raw of ground.forged) expect(ground.adapter.verify(raw)).toBe(false);
    });

    it('renders within its limit, the same each time, and nothing for nothing', () => {
      const { adapter } = ground;
      const long = '**bold** & `code` 👩‍👩‍👧‍👦. '.repeat(2000);
      const chunks = adapter.render(long);
      expect(chunks.length).toBeGreaterThan(1);
      for (const { body, plain } of chunks) {
        const length = adapter.capabilities.unit === 'utf16' ? body.length : Array.from(body).length;
        expect(length).toBeLessThanOrEqual(adapter.capabilities.maxTextLength);
        expect(plain.trim()).not.toBe('');
      }
      expect(adapter.render(long)).toEqual(chunks);
      expect(adapter.render(' \n')).toEqual([]);
    });

    it('sends what it rendered to where the message came from', async () => {
      const { adapter } = ground;
      const address = adapter.replyAddress(messageOf(adapter, ground.update('hello')));
      const ids: string[] = [];
      for (const chunk of adapter.render('an *answer*')) {
        ids.push(await adapter.sendChunk(address, chunk, { signal: signal() }));
      }
      expect(ids).toEqual([expect.stringMatching(/.+/)]);
      await adapter.send(address.chatId, 'a text');
      expect(ground.sent()).toEqual(['an answer', 'a text']);
    });

    it('says of files what it can do', () => {
      const { adapter, files } = ground;
      const { mostBytesIn, mostBytesOut } = adapter.capabilities.files;
      expect(adapter.openAttachment !== undefined).toBe(mostBytesIn > 0);
      expect(adapter.sendFile !== undefined).toBe(mostBytesOut > 0);
      expect(files !== undefined).toBe(mostBytesIn > 0 || mostBytesOut > 0);
    });

    it('opens the files of a message, and tells lost ones from broken connections', async (context) => {
      const { adapter, files } = ground;
      context.skip(files === undefined || adapter.openAttachment === undefined);
      if (files === undefined) return;
      const bytes = Buffer.from('a,b\n1,2\n'.repeat(5000));
      const update = files.update({ bytes, name: 'table.csv', mimeType: 'text/csv' });
      const [attachment] = messageOf(adapter, update).attachments;
      if (attachment === undefined) throw new Error('the message has no attachment');
      const read = async (): Promise<Buffer> => {
        const opened = await adapter.openAttachment?.(attachment, { signal: signal() });
        const parts: Uint8Array[] = [];
        for await (const part of opened?.body ?? []) parts.push(part);
        return Buffer.concat(parts);
      };
      expect((await read()).equals(bytes)).toBe(true);
      files.cutNext();
      await expect(read()).rejects.not.toMatchObject({ verdict: 'permanent' });
      files.loseNext();
      await expect(read()).rejects.toMatchObject({ verdict: 'permanent' });
    });

    it('sends files to where the message came from', async (context) => {
      const { adapter, files } = ground;
      if (files === undefined || adapter.sendFile === undefined) {
        context.skip();
        return;
      }
      const address = adapter.replyAddress(messageOf(adapter, ground.update('hello')));
      const bytes = Buffer.from([0, 255, 13, 10, 45, 45, 0, 1]);
      const file = { name: 'größe "1".bin', mimeType: 'application/octet-stream', bytes };
      const id = await adapter.sendFile(address, file, { signal: signal(), key: 'one' });
      expect(id).toMatch(/.+/);
      const [sent] = files.sent();
      expect(sent?.name).toContain('größe');
      expect(Buffer.from(sent?.bytes ?? []).equals(bytes)).toBe(true);
    });

    it('starts and stops as often as it is asked to', async () => {
      const { adapter } = ground;
      await adapter.stop();
      await adapter.start();
      await adapter.start();
      await adapter.stop();
      await adapter.stop();
      await adapter.start();
      await adapter.send(adapter.replyAddress(messageOf(adapter, ground.update('x'))).chatId, 'again');
      expect(ground.sent()).toEqual(['again']);
    });

    it('stops waiting for a message when asked to', async () => {
      const stopping = new AbortController();
      const waiting = ground.adapter.receive({ signal: stopping.signal });
      stopping.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
    });
  });
}
