import { isJsonObject, tryParseJson, type JsonObject } from '../../../../base/index.ts';

const ending = /\bevent: *response\.(?:completed|incomplete)\b/;
/** Longest answer that is kept; a longer one is passed on all the same. */
const mostBytes = 16 * 1024 * 1024;

/** The response within the last event of a stream. */
function responseOfEvents(text: string): JsonObject | undefined {
  for (const block of text.split(/\r?\n\r?\n/)) {
    if (!ending.test(block)) continue;
    const data = block
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5))
      .join('\n');
    const event = tryParseJson(data);
    if (isJsonObject(event) && isJsonObject(event['response'])) return event['response'];
  }
  return undefined;
}

/** Hands bytes of a Responses API on untouched and tells the response in them; its last bytes wait until that is done. */
export async function* watchBytes(
  body: AsyncIterable<Uint8Array>,
  stream: boolean,
  tell: (response: JsonObject) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  let text = '';
  let held: Uint8Array[] = [];
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.length;
    if (seen > mostBytes) {
      yield* held;
      held = [];
      text = '';
      yield chunk;
      continue;
    }
    text += decoder.decode(chunk, { stream: true });
    if (stream && !ending.test(text)) {
      // Only an unfinished event can still become the last one.
      text = text.slice(Math.max(text.lastIndexOf('\n\n'), text.lastIndexOf('\r\n\r\n'), 0));
      yield chunk;
    } else held.push(chunk);
  }
  const whole = stream ? responseOfEvents(text) : tryParseJson(text);
  if (isJsonObject(whole)) await tell(whole);
  yield* held;
}
