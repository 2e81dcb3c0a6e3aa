import { isJsonObject, type Json } from '../../base/index.ts';

/** The same without NUL, which no database takes, and with a mark in place of half a character. */
export function storableJson(value: Json): Json {
  if (typeof value === 'string') return value.replaceAll('\0', '').toWellFormed();
  if (Array.isArray(value)) return (value as readonly Json[]).map(storableJson);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storableJson(key) as string, storableJson(inner ?? null)]),
  );
}
