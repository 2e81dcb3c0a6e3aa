import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDiscordGround, type DiscordGround } from './discord-ground.ts';
import { answerSlowly, startPunctualHub } from './preview-ground.ts';

const dm = '700000000000000001';
const edit = 'PATCH /channels/:id/messages/:id';
const original = 'PATCH /webhooks/:id/:token/messages/@original';

let ground: DiscordGround;
beforeEach(async () => {
  ground = await startDiscordGround();
});
afterEach(() => ground.close());

const start = async (spec: object = {}) => {
  const hub = await startPunctualHub(ground, [ground.defineDiscord({ replies: { preview: 'on' }, ...spec })]);
  await expect.poll(() => hub.list()[0]?.status, { timeout: 10_000 }).toBe('up');
  return hub;
};

describe('answers that are written in Discord', () => {
  it('are shown in one message that becomes the answer', async () => {
    const answer = answerSlowly(ground);
    await start();
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await answer.begun;
    answer.say('The answer is **not');
    const [message] = await ground.discord.waitForMessages(1);
    expect(message).toMatchObject({ text: 'The answer is not', buttons: [{ text: 'Stop', data: '/stop' }] });
    answer.say(' yet** there.');
    await ground.discord.waitUntil(() => message?.text === 'The answer is not yet there.', 'more of it');
    answer.finish('The answer is **here**.');
    await ground.untilSent();
    expect(ground.discord.messages).toEqual([
      expect.objectContaining({ id: message?.id, text: 'The answer is here.', buttons: [] }),
    ]);
  });

  it('take the place of a deferred reply, without being asked for in direct messages', async () => {
    const answer = answerSlowly(ground);
    const hub = await start({ mode: 'interactions', replies: { preview: 'auto' } });
    await ground.openInteractions(hub);
    const options = [{ name: 'message', type: 3, value: 'go' }];
    await ground.discord.call(ground.discord.interactionOf(2, { name: 'agent33', options }));
    await answer.begun;
    answer.say('It seems');
    const [message] = await ground.discord.waitForMessages(1);
    expect(message).toMatchObject({ text: 'It seems', via: 'original', buttons: [] });
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.discord.messages).toEqual([
      expect.objectContaining({ text: 'Here it is.', via: 'original' }),
    ]);
    expect(ground.discord.callsOf(original).length).toBeGreaterThan(1);
  });

  it('are one message also when the process died before it knew which', async () => {
    const answer = answerSlowly(ground);
    const hub = await start();
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await answer.begun;
    answer.say('It seems');
    const [message] = await ground.discord.waitForMessages(1);
    await hub.stop();
    // As a process leaves it that was killed while Discord answered.
    await ground.storage.db
      .updateTable('answer_previews')
      .set({ message_id: null, ended_at: null })
      .execute();
    answer.finish('Here it is.');
    await start();
    await ground.untilSent();
    expect(ground.discord.messages).toEqual([
      expect.objectContaining({ id: message?.id, text: 'Here it is.' }),
    ]);
  });

  it('are sent anew when somebody has deleted the preview', async () => {
    const answer = answerSlowly(ground);
    await start();
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await answer.begun;
    answer.say('It seems');
    const [message] = await ground.discord.waitForMessages(1);
    ground.discord.userDeletes(message?.id ?? '');
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.discord.messages.map(({ text }) => text)).toEqual(['Here it is.']);
  });

  it('stop being shown when Discord says that it is too much, and the answer waits as long as it says', async () => {
    const answer = answerSlowly(ground);
    await start();
    ground.discord.userSays({ channelId: dm, text: 'go' });
    await answer.begun;
    answer.say('It');
    await ground.discord.waitForMessages(1);
    ground.discord.failNext(edit, { kind: 'rate-limit', retryAfterSeconds: 1 });
    answer.say(' seems');
    await ground.discord.waitUntil(() => ground.discord.callsOf(edit).length === 1, 'an edit');
    answer.say(' that');
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.discord.messages.map(({ text }) => text)).toEqual(['Here it is.']);
    expect(ground.discord.callsOf(edit)).toHaveLength(2);
  });
});
