/** Longest name of a function that all providers take. */
const longest = 64;

/** Gives tools names that no other has: the wished one, then the longer one, then numbered ones. */
export class ToolNames {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  take(...wished: readonly [string, ...string[]]): string {
    const names = wished.map((name) => name.slice(0, longest));
    let chosen = names.find((name) => !this.#taken.has(name));
    for (let number = 2; chosen === undefined; number += 1) {
      const ending = `_${number}`;
      const next = `${wished[0].slice(0, longest - ending.length)}${ending}`;
      if (!this.#taken.has(next)) chosen = next;
    }
    this.#taken.add(chosen);
    return chosen;
  }
}
