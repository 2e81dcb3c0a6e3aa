import { isJsonObject, type Json, type JsonObject } from '../../../../base/index.ts';
import type { Scope } from '../../../../protocol/index.ts';
import { requestFault } from '../../model-door/request-fault.ts';
import { longestChain, type ResponseStore, type StoredResponse } from './response-store.ts';
import type { ResponsesRequest } from './responses-request.ts';

/** What a request continues and what it adds. */
export interface Continued {
  /** Items of the responses before, oldest first. */
  readonly earlier: readonly Json[];
  /** Items of the request itself, references replaced by what they stand for where that is stored here. */
  readonly own: readonly Json[];
  /** The response before; `undefined` for a first one. */
  readonly last: StoredResponse | undefined;
  /** Do earlier and own items differ from the `input` that came? */
  readonly rewritten: boolean;
}

const ownItem = /^(?:msg|rs|fc)_([\w-]{1,100})_\d{1,5}$/;

function outputOf({ response }: StoredResponse): readonly Json[] {
  const output = response['output'];
  return Array.isArray(output) ? (output as readonly Json[]) : [];
}

const referenceOf = (item: Json): string | undefined =>
  isJsonObject(item) && item['type'] === 'item_reference' && typeof item['id'] === 'string'
    ? item['id']
    : undefined;

/** Clients that rely on stored answers send ids in place of items. */
async function resolveReferences(
  store: ResponseStore,
  scope: Scope,
  items: readonly Json[],
): Promise<readonly Json[]> {
  const ids = items.flatMap((item) => {
    const [, response] = ownItem.exec(referenceOf(item) ?? '') ?? [];
    return response === undefined ? [] : [`resp_${response}`];
  });
  if (ids.length === 0) return items;
  const stored = new Map<string, Json>();
  for (const response of await store.find(scope, [...new Set(ids)]))
    for (const item of outputOf(response))
      if (isJsonObject(item) && typeof item['id'] === 'string') stored.set(item['id'], item);
  return items.map((item) => stored.get(referenceOf(item) ?? '') ?? item);
}

async function chainOf(store: ResponseStore, scope: Scope, id: string): Promise<readonly StoredResponse[]> {
  const chain = await store.chain(scope, id);
  const field = 'previous_response_id';
  if (chain.length >= longestChain)
    throw requestFault(field, `the conversation has more than ${longestChain} responses`);
  const missing = chain.length === 0 ? id : chain[0]?.previousId;
  if (missing === null || missing === undefined) return chain;
  throw requestFault(
    field,
    `there is no stored response "${missing}"; it may be too old`,
    'previous_response_not_found',
  );
}

/** Reads what a request continues. Error: `invalid_request` when that is not stored. */
export async function continueConversation(
  store: ResponseStore,
  scope: Scope,
  body: ResponsesRequest,
): Promise<Continued> {
  const items: readonly Json[] =
    typeof body.input === 'string' ? [{ type: 'message', role: 'user', content: body.input }] : body.input;
  const own = await resolveReferences(store, scope, items);
  const previous = body.previous_response_id;
  if (previous === null || previous === undefined)
    return { earlier: [], own, last: undefined, rewritten: own !== items };
  const chain = await chainOf(store, scope, previous);
  return {
    earlier: chain.flatMap((response) => [...response.input, ...outputOf(response)]),
    own,
    last: chain.at(-1),
    rewritten: true,
  };
}

/** Earlier items as an upstream takes them that does not know ours: without ids, and thinking only where it is sealed. */
export function replayed(items: readonly Json[]): readonly JsonObject[] {
  return items.flatMap((item) => {
    if (!isJsonObject(item)) return [];
    if (item['type'] === 'reasoning' && typeof item['encrypted_content'] !== 'string') return [];
    const { id: _id, status: _status, ...rest } = item;
    return [rest];
  });
}
