import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelDefinition } from '../../../src/protocol/index.ts';
import { FakeSlack } from '../../../src/testing/channels.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';
import { answerSlowly, startPunctualHub } from './preview-ground.ts';

let ground: ChannelGround;
let slack: FakeSlack;
beforeEach(async () => {
  ground = await startChannelGround();
  slack = await FakeSlack.start();
});
afterEach(async () => {
  await ground.close();
  await slack.stop();
});

const define = (spec: object = {}) =>
  channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'slack' },
    spec: {
      platform: 'slack',
      agent: 'echo',
      account: 'T1',
      mode: 'socket',
      botToken: slack.botToken,
      appToken: slack.appToken,
      apiBase: slack.apiBase,
      access: { groups: 'open' },
      replies: { preview: 'on' },
      ...spec,
    },
  });
const start = async (spec: object = {}) => {
  const hub = await startPunctualHub(ground, [define(spec)]);
  await slack.waitUntil(() => slack.connections > 0, 'a session');
  return hub;
};

describe('answers that are written in Slack', () => {
  it('stream in the thread, and end as what was answered', async () => {
    const answer = answerSlowly(ground);
    await start();
    const ts = await slack.userSays({ channel: 'C1', text: 'go', mention: true });
    await answer.begun;
    answer.say('The answer is **not');
    const [message] = await slack.waitForMessages(1);
    expect(message).toMatchObject({ threadTs: ts, text: 'The answer is **not', isStreaming: true });
    answer.say(' yet** there.');
    await slack.waitUntil(() => message?.source === 'The answer is **not yet** there.', 'more of it');
    answer.finish('The answer is **here** & now.');
    await ground.untilSent();
    expect(slack.messages).toEqual([
      expect.objectContaining({ text: 'The answer is here & now.', ts: message?.ts, isStreaming: false }),
    ]);
    expect(slack.callsOf('chat.startStream')[0]?.parameters).toMatchObject({
      recipient_team_id: 'T1',
      recipient_user_id: 'U7',
    });
  });

  it.each(['feature_not_enabled', 'method_deprecated', 'unknown_method'])(
    'are a message that is updated where an app may not stream: %s, asked once',
    async (error) => {
      await start();
      slack.failNext('chat.startStream', { kind: 'error', error });
      for (const count of [1, 2]) {
        const answer = answerSlowly(ground);
        await slack.userSays({ channel: 'C1', text: 'go', mention: true });
        await answer.begun;
        answer.say('It seems');
        await slack.waitForMessages(count);
        const message = slack.messages[count - 1];
        expect(message).toMatchObject({ text: 'It seems', buttons: [{ text: 'Stop', value: '/stop' }] });
        answer.say(' that');
        await slack.waitUntil(() => message?.text === 'It seems that', 'more of it');
        answer.finish('Here it is.');
        await ground.untilSent(count);
        expect(message).toMatchObject({ text: 'Here it is.', buttons: [] });
      }
      expect(slack.messages).toHaveLength(2);
      expect(slack.callsOf('chat.startStream')).toHaveLength(1);
    },
  );

  it('go on by updates when Slack has ended the stream', async () => {
    const answer = answerSlowly(ground);
    await start();
    await slack.userSays({ channel: 'C1', text: 'go', mention: true });
    await answer.begun;
    answer.say('It seems');
    const [message] = await slack.waitForMessages(1);
    slack.endStreams();
    answer.say(' that');
    await slack.waitUntil(() => message?.text === 'It seems that', 'more of it');
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(slack.messages.map(({ text }) => text)).toEqual(['Here it is.']);
  });

  it('are right also where a process died with its stream open', async () => {
    const answer = answerSlowly(ground);
    await start();
    await slack.userSays({ channel: 'C1', text: 'go', mention: true });
    await answer.begun;
    answer.say('It seems');
    const [message] = await slack.waitForMessages(1);
    // As a process leaves it that was killed: the stream is never stopped.
    slack.failNext('chat.stopStream', { kind: 'error', error: 'internal_error' });
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(slack.messages).toEqual([
      expect.objectContaining({ text: 'Here it is.', ts: message?.ts, isStreaming: false }),
    ]);
  });

  it('come all the same when a preview is refused for its token', async () => {
    const answer = answerSlowly(ground);
    await start();
    slack.failNext('chat.startStream', { kind: 'error', error: 'token_revoked' });
    await slack.userSays({ channel: 'C1', text: 'go', mention: true });
    await answer.begun;
    answer.say('It seems');
    await slack.waitUntil(() => slack.callsOf('chat.startStream').length === 1, 'a try');
    answer.say(' that');
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(slack.messages.map(({ text }) => text)).toEqual(['Here it is.']);
    expect(slack.callsOf('chat.startStream')).toHaveLength(1);
  });

  it('are not shown in direct messages outside of a thread unless asked for', async () => {
    const answer = answerSlowly(ground);
    await start({ replies: { preview: 'auto' } });
    await slack.userSays({ channel: 'D1', text: 'go' });
    await answer.begun;
    answer.say('It seems');
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(slack.callsOf('chat.startStream')).toEqual([]);
    expect(slack.callsOf('chat.update')).toEqual([]);
    expect(slack.messages.map(({ text }) => text)).toEqual(['Here it is.']);
  });
});
