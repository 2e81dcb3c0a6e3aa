import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';

function merged(body: JsonObject, fields: JsonObject): JsonObject {
  const all: Record<string, Json | undefined> = { ...body };
  for (const [name, value] of Object.entries(fields)) {
    const before = all[name];
    all[name] = isJsonObject(before) && isJsonObject(value) ? { ...before, ...value } : value;
  }
  return all;
}

/** A `fetch` that writes these fields into the JSON body of each call; objects are joined, not replaced. */
export function editingFetch(fetch: typeof globalThis.fetch, fields: JsonObject): typeof globalThis.fetch {
  if (Object.keys(fields).length === 0) return fetch;
  return (input, init) => {
    const body = typeof init?.body === 'string' ? tryParseJson(init.body) : undefined;
    return isJsonObject(body)
      ? fetch(input, { ...init, body: JSON.stringify(merged(body, fields)) })
      : fetch(input, init);
  };
}
