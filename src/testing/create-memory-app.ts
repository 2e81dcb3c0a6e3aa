import { createTestApp, type TestApp } from './create-test-app.ts';
import { MemoryStorage } from './memory-storage.ts';

/** A test server on a database that is lent to it: sooner up, where nothing turns on the database's folder. */
export function createMemoryApp(options: Parameters<typeof createTestApp>[0] = {}): Promise<TestApp> {
  return createTestApp({ ...options, app: { storage: new MemoryStorage(), ...options.app } });
}
