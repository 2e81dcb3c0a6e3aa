import { FaultList, type AnyFault } from './fault-list.ts';
import { WatchList } from './watch-list.ts';

/** What the fakes of all platforms have in common: calls that are kept and can fail, messages, and waits for both. */
export abstract class FakePlatform<Call, Message, Fault extends AnyFault, Name extends string = string> {
  readonly calls: Call[] = [];
  /** Messages of the bot as they stand there now. */
  abstract readonly messages: readonly Message[];
  readonly faults = new FaultList<Fault>();
  /** Tells of each call and each change. */
  readonly watch = new WatchList(() => this.calls.map((call) => this.nameOf(call)).join(', '));

  /** What faults and waits know a call by. */
  protected abstract nameOf(call: Call): Name;

  /** The next calls of a name meet these faults, one each. */
  failNext(name: Name, ...faults: readonly Fault[]): void {
    this.faults.failNext(name, ...faults);
  }

  callsOf(name: Name): readonly Call[] {
    return this.calls.filter((call) => this.nameOf(call) === name);
  }

  /** Resolves with all messages as soon as there are `count`; fails after `timeoutMs`. */
  async waitForMessages(count: number, timeoutMs = 10_000): Promise<this['messages']> {
    await this.waitUntil(() => this.messages.length >= count, `${count} messages`, timeoutMs);
    return this.messages;
  }

  /** Resolves as soon as there were `count` calls of a name. */
  waitForCalls(name: Name, count: number, timeoutMs = 10_000): Promise<void> {
    return this.waitUntil(() => this.callsOf(name).length >= count, `${count} calls of ${name}`, timeoutMs);
  }

  /** Looks at each call and each change whether the condition holds now. */
  waitUntil(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    return this.watch.until(condition, what, timeoutMs);
  }
}
