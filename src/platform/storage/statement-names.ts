const seenBefore = 2;
const mostNames = 300;
const mostTexts = 2_000;

/** "Cached plan must not change result type": the tables have been migrated since a statement got its name. */
export const planOutdated = '0A000';

/** True for a text without parameters that is worth a name too: one statement, and not a short one. */
export function isRepeatable(text: string): boolean {
  return !text.includes(';') && /^\s*(with|select|insert|update|delete)\b/i.test(text);
}

/**
 * Names for statements that come again and again: a connection then parses and plans each of them once. Bounded, because
 * some texts vary without end (lists of values).
 */
export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #seen = new Map<string, number>();
  #generation = 0;

  nameOf(text: string): string | undefined {
    const name = this.#names.get(text);
    if (name !== undefined) return name;
    if (this.#names.size >= mostNames) return undefined;
    const seen = (this.#seen.get(text) ?? 0) + 1;
    if (seen <= seenBefore) {
      if (this.#seen.size >= mostTexts) this.#seen.clear();
      this.#seen.set(text, seen);
      return undefined;
    }
    this.#seen.delete(text);
    const given = `a33_${this.#generation}_${this.#names.size}`;
    this.#names.set(text, given);
    return given;
  }

  /** Gives every statement a new name: the tables have changed under the plans of the old ones. */
  forget(): void {
    this.#generation += 1;
    this.#names.clear();
  }
}
