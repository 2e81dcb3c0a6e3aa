/** Thrown where a branch is given up: its step ends as `cancelled`, and nothing of it is journaled any more. */
export class BranchStopped extends Error {
  constructor() {
    super('the branch was given up');
    this.name = 'BranchStopped';
  }
}

/**
 * What ends together: the whole workflow, or one act with a time-out. Stopping it stops what is within it; what earlier
 * executions recorded still answers, so that the same steps count as done in every execution.
 */
export class StopScope {
  #reason: Error | undefined;
  #controller: AbortController | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #leave: () => void;

  constructor(parent?: StopScope) {
    this.#leave = parent?.onStop(() => this.stop(parent.reason ?? new BranchStopped())) ?? ((): void => {});
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  get stopped(): boolean {
    return this.#reason !== undefined;
  }

  /** Aborts when the scope is stopped. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  stop(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /** Calls back once when the scope is stopped, at once if it is; the returned function takes that back. */
  onStop(listener: () => void): () => void {
    if (this.#reason !== undefined) {
      listener();
      return () => {};
    }
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Nothing listens to the parent any more. */
  close(): void {
    this.#leave();
  }
}
