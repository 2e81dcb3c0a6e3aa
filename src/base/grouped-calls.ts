import { AsyncLocalStorage } from 'node:async_hooks';

interface Pending<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result | Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupedCallsOptions<Item, Result> {
  /**
   * Answers a group in the order of its items; when it rejects, every item of the group does. An answer may be a promise:
   * it is not waited for before the next group.
   */
  readonly call: (items: readonly Item[]) => Promise<readonly (Result | Promise<Result>)[]>;
  /** Items of a group. */
  readonly most: number;
  /** Groups under way at the same time. */
  readonly sideBySide: number;
}

/** Puts calls together: a lone one goes at once, and what comes while enough are under way goes as one group after them. */
export class GroupedCalls<Item, Result> {
  readonly #options: GroupedCallsOptions<Item, Result>;
  /** A group belongs to none of its callers: it must not run in the transaction or trace of one of them. */
  readonly #inOwnContext = AsyncLocalStorage.snapshot();
  #waiting: Pending<Item, Result>[] = [];
  #underWay = 0;

  constructor(options: GroupedCallsOptions<Item, Result>) {
    this.#options = options;
  }

  add(item: Item): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#underWay < this.#options.sideBySide) this.#inOwnContext(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    this.#underWay += 1;
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0, this.#options.most));
    this.#underWay -= 1;
  }

  /** Never rejects. */
  async #settle(group: readonly Pending<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.call(group.map(({ item }) => item));
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index];
        if (result === undefined) reject(new Error('a grouped call gave no answer to one of its items'));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
