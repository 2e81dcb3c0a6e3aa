import type { ResponseStore, StoredResponse } from '../entrypoints/http/index.ts';
import { longestChain } from '../entrypoints/http/index.ts';
import type { Scope } from '../protocol/index.ts';

/** Responses of the Responses API in memory. */
export class MemoryResponseStore implements ResponseStore {
  readonly #byTenant = new Map<string, Map<string, StoredResponse>>();

  #of({ tenant }: Scope): Map<string, StoredResponse> {
    const responses = this.#byTenant.get(tenant) ?? new Map<string, StoredResponse>();
    this.#byTenant.set(tenant, responses);
    return responses;
  }

  put(scope: Scope, response: StoredResponse): Promise<void> {
    const responses = this.#of(scope);
    if (!responses.has(response.id)) responses.set(response.id, structuredClone(response));
    return Promise.resolve();
  }

  find(scope: Scope, ids: readonly string[]): Promise<readonly StoredResponse[]> {
    const responses = this.#of(scope);
    return Promise.resolve(
      [...new Set(ids)].flatMap((id) => {
        const found = responses.get(id);
        return found === undefined ? [] : [found];
      }),
    );
  }

  chain(scope: Scope, id: string): Promise<readonly StoredResponse[]> {
    const responses = this.#of(scope);
    const chain: StoredResponse[] = [];
    let next = responses.get(id);
    while (next !== undefined && chain.length < longestChain) {
      chain.unshift(next);
      next = next.previousId === null ? undefined : responses.get(next.previousId);
    }
    return Promise.resolve(chain);
  }

  isContinued(scope: Scope, id: string): Promise<boolean> {
    return Promise.resolve([...this.#of(scope).values()].some(({ previousId }) => previousId === id));
  }

  remove(scope: Scope, id: string): Promise<boolean> {
    return Promise.resolve(this.#of(scope).delete(id));
  }
}
