import { AppError } from '../base/index.ts';
import type { Automation } from '../engine/automation/index.ts';
import type { DefinitionStore } from '../engine/definitions/index.ts';

const missing = (name: string) => Promise.reject(new AppError('not_found', `there is no "${name}"`));

function emptyStore<K extends 'Schedule' | 'Sensor'>(): DefinitionStore<K> {
  return {
    list: () => Promise.resolve([]),
    get: (_scope, name) => missing(name),
    create: () => Promise.reject(new AppError('invalid_definition', 'nothing can be made here')),
    update: (_scope, name) => missing(name),
    delete: (_scope, name) => missing(name),
  };
}

/** An installation without schedules, sensors and dead letters; `published` holds its events. */
export class FakeAutomation implements Automation {
  readonly published: { readonly id: string; readonly name: string }[] = [];

  readonly schedules: Automation['schedules'] = {
    store: emptyStore<'Schedule'>(),
    status: () => Promise.resolve({ paused: null, next: [], queued: 0 }),
    trigger: (_scope, name) => missing(name),
    pause: (_scope, name) => missing(name),
    resume: (_scope, name) => missing(name),
    slots: (_scope, name) => missing(name),
  };

  readonly sensors: Automation['sensors'] = {
    store: emptyStore<'Sensor'>(),
    status: (_scope, name) => missing(name),
    pause: (_scope, name) => missing(name),
    resume: (_scope, name) => missing(name),
  };

  readonly events: Automation['events'] = {
    publish: (_scope, { name, id = `evt_${this.published.length + 1}` }) => {
      const duplicate = this.published.some((event) => event.id === id);
      if (!duplicate) this.published.push({ id, name });
      return Promise.resolve({ id, duplicate, delivered: 0 });
    },
  };

  readonly deadLetters: Automation['deadLetters'] = {
    list: () => Promise.resolve({ items: [], next: null }),
    get: (_scope, id) => missing(id),
    retry: (_scope, id) => missing(id),
    discard: (_scope, id) => missing(id),
    retryMany: () => Promise.resolve({ results: [], more: false }),
    discardMany: () => Promise.resolve({ results: [], more: false }),
  };
}
