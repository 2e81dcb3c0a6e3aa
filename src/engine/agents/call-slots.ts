/**
 * Places for calls at work: at most `width` side by side, one that must be alone with nobody beside it. First come,
 * first served, so that the order of starts is the same on each execution of a run. Failure of a call is a result; work
 * that throws ends the run, so its place is not given to another.
 */
export class CallSlots {
  readonly #width: number;
  readonly #queue: { readonly places: number; readonly start: () => void }[] = [];
  #free: number;

  constructor(width: number) {
    this.#width = width;
    this.#free = width;
  }

  async run<T>(options: { readonly alone: boolean }, work: () => Promise<T>): Promise<T> {
    const places = options.alone ? this.#width : 1;
    const turn = new Promise<void>((resolve) => {
      this.#queue.push({ places, start: resolve });
    });
    this.#startNext();
    await turn;
    const result = await work();
    this.#free += places;
    this.#startNext();
    return result;
  }

  #startNext(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.places > this.#free) return;
      this.#free -= first.places;
      this.#queue.shift();
      first.start();
    }
  }
}
