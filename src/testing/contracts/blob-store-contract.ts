import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxBlobBytes, type BlobStore } from '../../platform/blobs/index.ts';

/** A store for one suite. */
export interface BlobStoreFixture {
  readonly store: BlobStore;
  dispose(): Promise<void>;
}

/** What every blob store does alike. */
export function blobStoreContract(name: string, create: () => Promise<BlobStoreFixture>): void {
  describe(`blob store: ${name}`, () => {
    let fixture: BlobStoreFixture;
    let store: BlobStore;
    beforeAll(async () => {
      fixture = await create();
      ({ store } = fixture);
    }, 60_000);
    afterAll(() => fixture.dispose(), 60_000);

    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
    const textOf = async (key: string): Promise<string> => new TextDecoder().decode(await store.get(key));
    const keys = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of store.list()) found.push(key);
      return found.toSorted();
    };

    it('gives back exactly the bytes that were put, whatever they are', async () => {
      const every = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
      await store.put('bytes/every', every);
      expect(Buffer.from(await store.get('bytes/every')).equals(Buffer.from(every))).toBe(true);
      await store.put('bytes/none', new Uint8Array());
      expect((await store.get('bytes/none')).byteLength).toBe(0);
      await store.deletePrefix('bytes');
    });

    it('replaces a blob that is put again', async () => {
      await store.put('again', bytesOf('first'));
      await store.put('again', bytesOf('second'));
      expect(await textOf('again')).toBe('second');
      await store.delete(['again']);
    });

    it('says that a blob is not there', async () => {
      await expect(store.get('nobody')).rejects.toMatchObject({ code: 'not_found' });
      await expect(store.get('nobody/there')).rejects.toMatchObject({ code: 'not_found' });
    });

    it('lists what is there with its time, and deletes by key, passing over what is not', async () => {
      const before = Date.now();
      await store.put('listed/a', bytesOf('a'));
      await store.put('listed/b', bytesOf('b'));
      expect(await keys()).toEqual(['listed/a', 'listed/b']);
      for await (const { storedAt } of store.list()) expect(Math.abs(storedAt - before)).toBeLessThan(60_000);
      await store.delete(['listed/a', 'listed/never']);
      expect(await keys()).toEqual(['listed/b']);
      await store.delete([]);
      await store.delete(['listed/b']);
      expect(await keys()).toEqual([]);
    });

    it('deletes by prefix, whole names only', async () => {
      for (const key of ['runs/run_1/a', 'runs/run_1/deep/b', 'runs/run_12/c'])
        await store.put(key, bytesOf('x'));
      await store.deletePrefix('runs/run_1');
      expect(await keys()).toEqual(['runs/run_12/c']);
      await store.deletePrefix('runs/nobody');
      await store.deletePrefix('runs');
      expect(await keys()).toEqual([]);
    });

    it('takes many at once beside each other', async () => {
      const many = Array.from({ length: 30 }, (_, index) => `many/${index % 3}/${index}`);
      await Promise.all(many.map((key) => store.put(key, bytesOf(key))));
      expect(await Promise.all(many.map(textOf))).toEqual(many);
      await Promise.all(many.map((key) => store.delete([key])));
      expect(await keys()).toEqual([]);
    });

    it.each([
      '',
      '/',
      '../up',
      'a/../b',
      'a//b',
      '/root',
      'a/',
      '.hidden',
      'a/.b',
      'a\\b',
      'ä',
      'x'.repeat(501),
    ])('refuses %j as a key', async (key) => {
      const refused = { code: 'invalid_request' };
      await expect(store.put(key, bytesOf('x'))).rejects.toMatchObject(refused);
      await expect(store.get(key)).rejects.toMatchObject(refused);
      await expect(store.delete([key])).rejects.toMatchObject(refused);
      await expect(store.deletePrefix(key)).rejects.toMatchObject(refused);
    });

    it('stores the largest blob and refuses a larger one', async () => {
      await store.put('large', new Uint8Array(maxBlobBytes).fill(7));
      const stored = await store.get('large');
      expect(stored.byteLength).toBe(maxBlobBytes);
      expect(stored[maxBlobBytes - 1]).toBe(7);
      await store.delete(['large']);
      await expect(store.put('larger', new Uint8Array(maxBlobBytes + 1))).rejects.toMatchObject({
        code: 'payload_too_large',
      });
    });
  });
}
