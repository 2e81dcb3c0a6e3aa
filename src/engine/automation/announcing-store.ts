import type { Storage } from '../../platform/storage/index.ts';
import type { DefinitionStore } from '../definitions/index.ts';
import { automationChannel } from './automation-deps.ts';

/** A store that tells every process when one of its definitions changed. */
export function announcingStore<K extends 'Schedule' | 'Sensor'>(
  store: DefinitionStore<K>,
  storage: Storage,
  subject: 'schedules' | 'sensors',
): DefinitionStore<K> {
  const announced = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    await storage.notify(storage.db, automationChannel, subject);
    return result;
  };
  return {
    list: (scope) => store.list(scope),
    get: (scope, name) => store.get(scope, name),
    create: (scope, definition) => announced(store.create(scope, definition)),
    update: (scope, name, definition) => announced(store.update(scope, name, definition)),
    delete: (scope, name) => announced(store.delete(scope, name)),
  };
}
