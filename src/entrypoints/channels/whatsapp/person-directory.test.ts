import { beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../../../protocol/index.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import { PersonDirectory } from './person-directory.ts';
import { personIds } from './whatsapp-update.ts';

let people: PersonDirectory;

beforeEach(() => {
  people = new PersonDirectory(new MemoryChannelState(), '106540352242922');
});

/** Under which id somebody with these ids is kept, and under which others they are known. */
async function seen(...ids: readonly string[]): Promise<readonly string[]> {
  const [userId = '', ...aliases] = ids;
  const message: Message = {
    platform: 'whatsapp',
    account_id: '106540352242922',
    channel_id: userId,
    user_id: userId,
    ...(aliases.length === 0 ? {} : { user_aliases: aliases }),
    text: 'x',
    timestamp: '2026-01-01T00:00:00.000Z',
    kind: 'message',
    chat_type: 'dm',
    mentions_bot: true,
    attachments: [],
    dedupe_key: 'k',
    metadata: {},
  };
  const known = await people.recognise(message);
  expect(known.channel_id).toBe(userId);
  return [known.user_id, ...(known.user_aliases ?? []).toSorted()];
}
const rename = (previous: readonly string[], next: readonly string[]) =>
  people.rename({ previous: personIds(previous), next: personIds(next) });

describe('a person', () => {
  it('is the same by either id, also once the number is hidden', async () => {
    expect(await seen('DE.1', '4911111')).toEqual(['DE.1', '4911111']);
    expect(await seen('DE.1')).toEqual(['DE.1', '4911111']);
    expect(await seen('4911111')).toEqual(['DE.1', '4911111']);
  });

  it('who was known by the number alone goes on under it', async () => {
    expect(await seen('4911111')).toEqual(['4911111']);
    expect(await seen('DE.1', '4911111')).toEqual(['4911111', 'DE.1']);
    expect(await seen('DE.1')).toEqual(['4911111', 'DE.1']);
  });

  it('who gets a number that was somebody else’s is somebody else', async () => {
    await seen('DE.1', '4911111');
    expect(await seen('DE.2', '4911111')).toEqual(['DE.2', '4911111']);
    expect(await seen('DE.2')).toEqual(['DE.2', '4911111']);
  });

  it('keeps the parent’s id as another one', async () => {
    expect(await seen('DE.1', '4911111', 'DE.ENT.9')).toEqual(['DE.1', '4911111', 'DE.ENT.9']);
  });

  it('goes on after a change of number, however often and late it is told', async () => {
    await seen('DE.1', '4911111');
    for (let time = 0; time < 2; time += 1) await rename(['DE.1', '4911111'], ['DE.2', '4922222']);
    expect(await seen('DE.2', '4922222')).toEqual(['DE.1', '4922222', 'DE.2']);
    expect(await seen('DE.2')).toEqual(['DE.1', '4922222', 'DE.2']);
    await rename(['DE.2', '4922222'], ['DE.3', '4933333']);
    expect(await seen('DE.3', '4933333')).toEqual(['DE.1', '4933333', 'DE.3']);
  });

  it('leaves the old number, and the rights in its name, to whoever gets it', async () => {
    await seen('DE.1', '4911111');
    await rename(['DE.1', '4911111'], ['DE.2', '4922222']);
    expect(await seen('4911111')).toEqual(['4911111']);
    expect(await seen('DE.9', '4911111')).not.toContain('DE.1');
  });

  it('goes on also when only the numbers, or only the ids, are told', async () => {
    await seen('4911111');
    await rename(['4911111'], ['4922222']);
    expect(await seen('DE.2', '4922222')).toEqual(['4911111', '4922222', 'DE.2']);
    await rename(['DE.2'], ['DE.3']);
    expect(await seen('DE.3')).toEqual(['4911111', 'DE.3']);
  });

  it('who is not known begins under the old id', async () => {
    await rename(['DE.1', '4911111'], ['DE.2', '4922222']);
    expect(await seen('DE.2', '4922222')).toEqual(['DE.1', '4922222', 'DE.2']);
  });

  it('is not taken for whoever has the number by now', async () => {
    await seen('DE.5', '4911111');
    await rename(['DE.1', '4911111'], ['DE.2', '4922222']);
    expect(await seen('DE.2', '4922222')).toEqual(['DE.1', '4922222', 'DE.2']);
    expect(await seen('4911111')).toEqual(['DE.5', '4911111']);
  });
});
