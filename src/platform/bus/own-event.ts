import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';

const field = 'agent33_event_id';

/** An event that this installation has stored, as the bus is told of it. A payload that is no object becomes `payload`. */
export function toldEvent(payload: Json, id: string): JsonObject {
  return { ...(isJsonObject(payload) ? payload : { payload }), [field]: id };
}

/** True for what this installation has told itself: it is stored, and must not be taken in again. */
export function isOwnEvent(payload: unknown): boolean {
  return isJsonObject(payload) && typeof payload[field] === 'string';
}
