import { SendError } from './send-error.ts';

/** Runs a call whose effect nobody sees before a later one: until then every doubt is a new try. */
export async function unseen<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof SendError && error.verdict === 'ambiguous')
      throw new SendError('retry', error.message);
    throw error;
  }
}
