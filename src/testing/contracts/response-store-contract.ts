import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { longestChain, type ResponseStore, type StoredResponse } from '../../entrypoints/http/index.ts';
import type { Scope } from '../../protocol/index.ts';

/** A store for one suite. */
export interface ResponseStoreFixture {
  readonly store: ResponseStore;
  dispose(): Promise<void>;
}

const scope: Scope = { tenant: 'here', principal: 'key:1', scopes: [] };
const elsewhere: Scope = { ...scope, tenant: 'there' };

function response(id: string, more: Partial<StoredResponse> = {}): StoredResponse {
  return {
    id,
    previousId: null,
    sessionId: null,
    input: [{ role: 'user', content: `said before ${id}: \u0000 "quoted" ✓` }],
    response: { id, output: [] },
    ...more,
  };
}

/** What every store of responses does alike. */
export function responseStoreContract(name: string, create: () => Promise<ResponseStoreFixture>): void {
  describe(`response store: ${name}`, () => {
    let fixture: ResponseStoreFixture;
    let store: ResponseStore;
    beforeAll(async () => {
      fixture = await create();
      ({ store } = fixture);
    }, 60_000);
    afterAll(() => fixture.dispose(), 60_000);

    it('gives back what was put, the first time it was put', async () => {
      const first = response('resp_a', { sessionId: 'ses_1' });
      await store.put(scope, first);
      await store.put(scope, response('resp_a', { input: [] }));
      expect(await store.find(scope, ['resp_a', 'resp_none', 'resp_a'])).toEqual([first]);
      expect(await store.find(scope, [])).toEqual([]);
    });

    it('keeps tenants apart', async () => {
      await store.put(scope, response('resp_mine'));
      await store.put(scope, response('resp_mine_2', { previousId: 'resp_mine' }));
      expect(await store.find(elsewhere, ['resp_mine'])).toEqual([]);
      expect(await store.chain(elsewhere, 'resp_mine_2')).toEqual([]);
      expect(await store.isContinued(elsewhere, 'resp_mine')).toBe(false);
      expect(await store.remove(elsewhere, 'resp_mine')).toBe(false);
      await store.put(elsewhere, response('resp_yours', { previousId: 'resp_mine' }));
      expect(await store.chain(elsewhere, 'resp_yours')).toHaveLength(1);
      expect(await store.find(scope, ['resp_mine'])).toHaveLength(1);
    });

    it('finds what a response continues, oldest first, branches apart', async () => {
      await store.put(scope, response('resp_1'));
      await store.put(scope, response('resp_2', { previousId: 'resp_1' }));
      await store.put(scope, response('resp_3', { previousId: 'resp_2' }));
      await store.put(scope, response('resp_2b', { previousId: 'resp_1' }));
      const ids = async (id: string) => (await store.chain(scope, id)).map((one) => one.id);
      expect(await ids('resp_3')).toEqual(['resp_1', 'resp_2', 'resp_3']);
      expect(await ids('resp_2b')).toEqual(['resp_1', 'resp_2b']);
      expect(await ids('resp_nobody')).toEqual([]);
      expect(await store.isContinued(scope, 'resp_2')).toBe(true);
      expect(await store.isContinued(scope, 'resp_3')).toBe(false);
      expect(await store.remove(scope, 'resp_2')).toBe(true);
      expect(await store.remove(scope, 'resp_2')).toBe(false);
      const [rest] = await store.chain(scope, 'resp_3');
      expect(rest).toMatchObject({ id: 'resp_3', previousId: 'resp_2' });
    });

    it('ends a circle, and a conversation that is too long', async () => {
      await store.put(scope, response('resp_x', { previousId: 'resp_y' }));
      await store.put(scope, response('resp_y', { previousId: 'resp_x' }));
      expect(await store.chain(scope, 'resp_x')).toHaveLength(longestChain);
    });
  });
}
