import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

const picture = (id: string, more: object = {}) => ({
  photo: [{ file_id: id }],
  media_group_id: '77',
  ...more,
});
const kept = async (): Promise<number> =>
  (await ground.storage.db.selectFrom('chat_messages').select('id').execute()).length;
const inputs = (): readonly string[] => ground.executor.inputs.map(({ message }) => message);

describe('albums in Telegram', () => {
  it.each(['collect', 'followup'])('are one turn, also with busy: %s', async (busy) => {
    await ground.startHub([ground.define({ busy })], { clock: systemClock });
    ground.telegram.userSays({ chatId: 7, extra: picture('a', { caption: 'What is this?' }) });
    for (const id of ['b', 'c']) ground.telegram.userSays({ chatId: 7, extra: picture(id) });
    await ground.telegram.waitForMessages(1);
    expect(inputs()).toHaveLength(1);
    expect(inputs()[0]).toMatch(/^What is this\?/);
    const [run] = await ground.storage.db
      .selectFrom('inbox')
      .select('request')
      .where('digest', '<>', 'collected')
      .execute();
    expect(run?.request).toMatchObject({ attachments: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] });
    expect(ground.telegram.messages).toHaveLength(1);
    expect(await kept()).toBe(0);
  });

  it('lose no picture when the process dies before they are complete', async () => {
    const hub = await ground.startHub([ground.define()], { clock: systemClock });
    ground.telegram.userSays({ chatId: 7, extra: picture('a', { caption: 'Look' }) });
    ground.telegram.userSays({ chatId: 7, extra: picture('b') });
    await ground.telegram.waitUntilConfirmed();
    await hub.stop();
    const waiting = await kept();
    await ground.startHub([ground.define()], { clock: systemClock });
    await ground.telegram.waitForMessages(1);
    expect(waiting).toBe(2);
    expect(inputs()).toHaveLength(1);
    expect(inputs()[0]).toMatch(/^Look/);
  });

  it('belong together in a group where only one picture calls the bot', async () => {
    await ground.startHub([ground.define({ access: { groups: 'open' } })], { clock: systemClock });
    const group = { chatId: -5, userId: 7 };
    ground.telegram.userSays({
      ...group,
      extra: picture('a', {
        caption: '@agent33_bot look',
        caption_entities: [{ type: 'mention', offset: 0, length: 12 }],
      }),
    });
    ground.telegram.userSays({ ...group, extra: picture('b') });
    ground.telegram.userSays({ ...group, extra: picture('z', { media_group_id: '99' }) });
    await ground.telegram.waitForMessages(1);
    const requests = await ground.storage.db
      .selectFrom('inbox')
      .select('request')
      .where('digest', '<>', 'collected')
      .execute();
    expect(requests).toMatchObject([{ request: { attachments: [{ id: 'a' }, { id: 'b' }] } }]);
  });

  it('are answered in the topic, and typing shows there, the general one included', async () => {
    await ground.startHub([ground.define({ access: { groups: 'open', requireMention: false } })]);
    const chat = { id: -5, type: 'supergroup', is_forum: true };
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'in general', extra: { chat } });
    await ground.telegram.waitForMessages(1);
    const topic = { chat, message_thread_id: 12, is_topic_message: true };
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'in a topic', extra: topic });
    await ground.telegram.waitForMessages(2);
    expect(ground.telegram.messages.map(({ threadId }) => threadId)).toEqual([undefined, 12]);
    const typing = ground.telegram
      .callsOf('sendChatAction')
      .map(({ parameters }) => parameters['message_thread_id']);
    expect(new Set(typing)).toEqual(new Set([1, 12]));
    const [first, second] = ground.executor.inputs.map(({ sessionId }) => sessionId);
    expect(first).not.toBe(second);
  });
});
