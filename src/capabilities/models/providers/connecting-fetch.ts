import { AppError } from '../../../base/index.ts';

/**
 * A `fetch` whose rejection for a failed connection looks the same whoever made it: the egress client rejects with an
 * `AppError`, the platform with a `TypeError`. What fails later, in the body, is left as it is.
 */
export function connectingFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (error instanceof AppError && error.code === 'upstream_error')
        throw new TypeError('fetch failed', { cause: error });
      throw error;
    }
  };
}
