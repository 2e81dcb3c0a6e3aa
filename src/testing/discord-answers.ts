import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DiscordMessage, UnreadJson as Json } from './discord-types.ts';
import { parametersOf, readBody } from './read-parameters.ts';

/** What a call is answered with. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An answer of 200. */
export function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** The buttons among the components of a message. */
export function buttonsOf(components: unknown): DiscordMessage['buttons'] {
  const rows = (components ?? []) as { components: { label: string; custom_id: string }[] }[];
  return rows.flatMap((row) => row.components).map(({ label, custom_id: data }) => ({ text: label, data }));
}

/** JSON, or the JSON in a form with a file. */
export async function readCall(request: IncomingMessage): Promise<Json> {
  const { payload_json: json, ...others } = parametersOf(request, await readBody(request));
  return typeof json === 'string' ? { ...(JSON.parse(json) as Json), ...others } : others;
}

/** Sends an answer. */
export function reply(response: ServerResponse, answer: Answer, headers: Record<string, string> = {}): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'content-type': 'application/json', ...headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}
