import {
  AppError,
  fromSerializedError,
  isJsonObject,
  toAppError,
  tryParseJson,
  type Json,
  type SerializedError,
} from '../../base/index.ts';

/** An answer on its way: a value, or the error of whoever answers. Foreign responders send the value alone. */
export function errorAnswer(error: unknown): string {
  return JSON.stringify({ a33_error: toAppError(error).toJSON() });
}

/** Reads an answer; throws the responder's error. Error: `upstream_error` for what is no JSON. */
export function readAnswer(text: string): Json {
  const value = parseMessage(text);
  if (isJsonObject(value) && isJsonObject(value['a33_error']))
    throw fromSerializedError(value['a33_error'] as unknown as SerializedError);
  return value;
}

/** A message as JSON. Error: `upstream_error`. */
export function parseMessage(text: string): Json {
  const value = tryParseJson(text);
  if (value === undefined) throw new AppError('upstream_error', 'a message of the bus is no JSON');
  return value;
}
