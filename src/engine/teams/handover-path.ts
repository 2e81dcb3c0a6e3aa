import { AppError } from '../../base/index.ts';

/** Who had control, in order. Ends what goes round without anything new, or too long. */
export class HandoverPath {
  readonly #team: string;
  readonly #mostHandovers: number;
  readonly #names: string[];
  readonly #seen = new Set<string>();

  constructor(team: string, first: string, mostHandovers: number) {
    this.#team = team;
    this.#mostHandovers = mostHandovers;
    this.#names = [first];
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get shown(): string {
    return this.#names.join(' → ');
  }

  /**
   * Notes that control goes to `next`. `content` is what the one before gave along; a reason for handing over counts
   * for nothing, since each side finds a new one. Error: `limit_exceeded`, naming the path.
   */
  pass(next: string, content: string): void {
    const from = this.#names.at(-1) ?? '';
    this.#names.push(next);
    const plain = content.toLowerCase().replaceAll(/\s+/g, ' ').trim();
    const pair = JSON.stringify([from, next]);
    const known = JSON.stringify([from, next, plain]);
    const repeated = this.#seen.has(pair) && (plain === '' || this.#seen.has(known));
    this.#seen.add(pair).add(known);
    if (repeated)
      throw this.#ended(`control of team "${this.#team}" goes round without anything new: ${this.shown}`);
    if (this.#names.length - 1 > this.#mostHandovers)
      throw this.#ended(
        `team "${this.#team}" handed over more than ${this.#mostHandovers} times (limits.maxRounds): ${this.shown}`,
      );
  }

  #ended(message: string): AppError {
    return new AppError('limit_exceeded', message, { details: { handovers: this.#names } });
  }
}
