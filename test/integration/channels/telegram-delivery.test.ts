import { sql } from 'kysely';
import { systemClock } from '../../../src/base/index.ts';
import { expect, it } from 'vitest';
import type { ChannelGround } from './channel-ground.ts';
import { describeOnBothDatabases } from './channel-databases.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

let ground: ChannelGround;

const deadLetters = () =>
  ground.storage.db.selectFrom('dead_letters').select(['kind', 'ref_id', 'reason']).execute();

/** An answer of four messages. */
const parts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(4000));
const longAnswer = parts.join('\n\n');

describeOnBothDatabases(
  'delivery to Telegram',
  (opened) => (ground = opened),
  () => {
    it('sends a long answer in order and notes each message', async () => {
      ground.executor.answer = () => Promise.resolve(longAnswer);
      await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForMessages(4);
      await ground.untilSettled();
      expect(ground.telegram.messages.map((message) => message.text)).toEqual(parts);
      const ids = ground.telegram.messages.map((message) => String(message.messageId));
      expect(await ground.outbox()).toMatchObject([
        { status: 'sent', cursor: 4, attempts: 0, platform_ids: ids },
      ]);
    });

    it('goes on behind the last accepted message after a stop in the middle', async () => {
      ground.executor.answer = () => Promise.resolve(longAnswer);
      const first = await ground.startHub([ground.define()], { clock: systemClock });
      ground.telegram.failNext(
        'sendMessage',
        { kind: 'slow', delayMs: 0 },
        { kind: 'slow', delayMs: 0 },
        { kind: 'error', status: 500, description: 'Internal' },
      );
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForCalls('sendMessage', 3);
      await first.stop();
      expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 2 }]);
      await ground.startHub([ground.define()]);
      await ground.telegram.waitForMessages(4);
      await ground.untilSettled();
      expect(ground.telegram.messages.map((message) => message.text)).toEqual(parts);
    });

    it('takes over what a killed process held, without sending an accepted message again', async () => {
      ground.executor.answer = () => Promise.resolve(longAnswer);
      await ground.runs.submit(
        { tenant: 'default', principal: 'test', scopes: ['admin'] },
        agentRequest('echo', {
          source: 'telegram',
          input: { message: 'go' },
          replyTo: { channel: 'telegram', platform: 'telegram', accountId: '4242', chatId: '7' },
        }),
      );
      await expect.poll(async () => (await ground.outbox()).length).toBe(1);
      // As a process leaves them that took the job, sent two messages and was killed.
      await ground.storage.db.updateTable('outbox').set({ status: 'sending', cursor: 2 }).execute();
      await sql`
      update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now()
      where name = 'deliveries'`.execute(ground.storage.db);
      await ground.startHub([ground.define()]);
      await ground.telegram.waitForMessages(2);
      await ground.untilSettled();
      expect(ground.telegram.messages.map((message) => message.text)).toEqual(parts.slice(2));
      expect(await ground.outbox()).toMatchObject([{ status: 'sent', cursor: 4 }]);
    });

    it('waits as long as the platform asks, and retries what failed', async () => {
      await ground.startHub([ground.define()]);
      ground.telegram.failNext(
        'sendMessage',
        { kind: 'rate-limit', retryAfterSeconds: 1 },
        { kind: 'error', status: 502, description: 'Bad Gateway' },
        { kind: 'cut-before' },
      );
      ground.telegram.userSays({ chatId: 7, text: 'hello' });
      await ground.telegram.waitForMessages(1);
      await ground.untilSettled();
      expect(await ground.outbox()).toMatchObject([{ status: 'sent', attempts: 2 }]);
      expect(await deadLetters()).toEqual([]);
    });

    it('sends again when the platform may have the message, or holds it for an operator', async () => {
      const hub = await ground.startHub([ground.define()]);
      ground.telegram.failNext('sendMessage', { kind: 'cut-after' });
      ground.telegram.userSays({ chatId: 7, text: 'twice?' });
      await ground.untilSettled();
      expect(ground.telegram.messages.map((message) => message.text)).toEqual([
        'echo: twice?',
        'echo: twice?',
      ]);
      expect(
        await ground.metrics.registry.getSingleMetricAsString('agent33_channel_messages_total'),
      ).toContain('channel="telegram",direction="out",status="ambiguous"} 1');
      await hub.stop();
      await ground.startHub([ground.define()], { delivery: { onAmbiguous: 'hold' } });
      ground.telegram.failNext('sendMessage', { kind: 'cut-after' });
      ground.telegram.userSays({ chatId: 7, text: 'once' });
      await ground.untilSettled(2);
      expect((await ground.outbox()).map((row) => row.status)).toEqual(['sent', 'unknown']);
      expect(ground.telegram.messages).toHaveLength(3);
      expect(await deadLetters()).toMatchObject([{ kind: 'delivery' }]);
    });

    it('puts what can never arrive on the dead-letter desk, and the chat goes on', async () => {
      await ground.startHub([ground.define()]);
      ground.telegram.block(7);
      ground.telegram.userSays({ chatId: 7, text: 'one' });
      await ground.untilSettled(1);
      ground.telegram.userSays({ chatId: 7, text: 'two' });
      await ground.untilSettled(2);
      const rows = await ground.outbox();
      expect(rows.map((row) => row.status)).toEqual(['failed', 'failed']);
      expect(rows[0]?.last_error).toContain('bot was blocked by the user');
      const letters = await deadLetters();
      expect(letters.map((letter) => letter.ref_id).toSorted()).toEqual(rows.map((row) => row.id).toSorted());
      expect(JSON.stringify(letters)).not.toContain(ground.telegram.token);
      ground.telegram.userSays({ chatId: 8, text: 'three' });
      await ground.telegram.waitForMessages(1);
    });

    it('gives up after its attempts', async () => {
      await ground.startHub([ground.define()], { delivery: { maxAttempts: 3 } });
      const down = { kind: 'error', status: 500, description: 'Internal' } as const;
      ground.telegram.failNext('sendMessage', down, down, down);
      ground.telegram.userSays({ chatId: 7, text: 'one' });
      await ground.untilSettled(1);
      expect(await ground.outbox()).toMatchObject([
        { status: 'failed', last_error: expect.stringContaining('3 attempts') },
      ]);
      ground.telegram.userSays({ chatId: 7, text: 'two' });
      await ground.telegram.waitForMessages(1);
    });

    it('falls back to plain text when Telegram cannot read the markup', async () => {
      ground.executor.answer = () => Promise.resolve('**bold**');
      await ground.startHub([ground.define()]);
      ground.telegram.failNext('sendMessage', {
        kind: 'error',
        status: 400,
        description: "Bad Request: can't parse entities: unsupported",
      });
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      const [message] = await ground.telegram.waitForMessages(1);
      expect(message).toMatchObject({ source: 'bold', parseMode: undefined });
    });

    it('tells people of errors in one sentence, and never shows internals', async () => {
      ground.executor.answer = () => Promise.reject(new Error('password=hunter2 at /srv/secret.ts'));
      await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      const [message] = await ground.telegram.waitForMessages(1);
      expect(message?.text).toMatch(
        /^Sorry, something went wrong on our side\. Please try again\. \(run_\w+\)$/,
      );
    });

    it('shows typing while the agent works and not after the answer', async () => {
      const free = Promise.withResolvers<string>();
      ground.executor.answer = () => free.promise;
      await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForCalls('sendChatAction', 1);
      free.resolve('done');
      await ground.telegram.waitForMessages(1);
      await ground.untilSettled();
      expect(ground.telegram.callsOf('sendChatAction')).toHaveLength(1);
    });

    it('keeps answers waiting while their channel is restarted with other settings', async () => {
      const free = Promise.withResolvers<string>();
      ground.executor.answer = () => free.promise;
      const hub = await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForCalls('sendChatAction', 1);
      await hub.apply([]);
      expect(hub.list()).toEqual([]);
      free.resolve('late but here');
      await expect.poll(async () => (await ground.outbox())[0]?.attempts).toBeGreaterThan(0);
      await hub.apply([ground.define({ typing: false })]);
      expect((await ground.telegram.waitForMessages(1))[0]?.text).toBe('late but here');
    });
  },
);
