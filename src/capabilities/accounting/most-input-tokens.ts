import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';

/** No service counts more for one image: a small model of OpenAI's takes 48,169 for the largest. */
const tokensOfImage = 50_000;
/** For what nobody here can see: pages of a file, a video, what the upstream reads from an address or from its own store. */
const tokensOfUnseen = 300_000;
/** What services write around messages, and about tools. */
const tokensAround = 64;
const tokensAboutTools = 1000;

const imageTypes: ReadonlySet<string> = new Set(['image', 'image_url', 'input_image', 'computer_screenshot']);
const fileTypes: ReadonlySet<string> = new Set([
  'file',
  'input_file',
  'document',
  'container_upload',
  'video_url',
  'input_video',
  'item_reference',
]);
/** Tools that only name and describe themselves; others bring in what their service finds. */
const plainTools: ReadonlySet<string> = new Set(['function', 'custom']);
const storedFields = ['previous_response_id', 'conversation', 'prompt_id', 'cached_content', 'cachedContent'];

const listOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : [];
const isImageData = (value: Json | undefined): value is string =>
  typeof value === 'string' && value.startsWith('data:image/');

/** Letters of an image that stand in its part: nobody reads them as text. */
function lettersOfImage(part: JsonObject): number {
  const { image_url: image, url, source } = part;
  const address = isJsonObject(image) ? image['url'] : (image ?? url);
  if (isImageData(address)) return address.length;
  const data = isJsonObject(source) && source['type'] === 'base64' ? source['data'] : undefined;
  return typeof data === 'string' ? data.length : 0;
}

function ofPart(part: Json): number {
  if (!isJsonObject(part)) return 0;
  const { type, mimeType } = part;
  const kind = typeof type === 'string' ? type : '';
  if (imageTypes.has(kind)) return tokensOfImage - lettersOfImage(part);
  // Sound counts less than its letters; plain text in a document counts as its letters.
  const isSound = typeof mimeType === 'string' && mimeType.startsWith('audio/');
  const { source } = part;
  const isText = kind === 'document' && isJsonObject(source) && source['type'] === 'text';
  return (fileTypes.has(kind) && !isSound && !isText ? tokensOfUnseen : 0) + ofParts(part);
}

/** What the parts of a message, of a tool's result or of an item count beside the letters of the request. */
function ofParts(holder: JsonObject): number {
  let tokens = 0;
  for (const name of ['content', 'parts', 'output'] as const) {
    const inner = holder[name];
    for (const part of isJsonObject(inner) ? [inner] : listOf(inner)) tokens += ofPart(part);
  }
  return tokens;
}

const bringsMore = (tool: Json): boolean =>
  isJsonObject(tool) &&
  typeof tool['type'] === 'string' &&
  !plainTools.has(tool['type']) &&
  // Anthropic's own form of a function has a schema and no type, or this one.
  tool['input_schema'] === undefined;

/**
 * More input tokens no service can count for a request: the bytes of its text, as no token is shorter, and high fixed
 * numbers for images, files and what the service adds by itself. `bytes`: length of the request as JSON.
 */
export function mostInputTokens(request: JsonObject, bytes: number): number {
  let tokens = bytes + tokensAround;
  for (const name of ['messages', 'input'] as const)
    for (const item of listOf(request[name])) {
      if (!isJsonObject(item)) continue;
      tokens += item['type'] === 'item_reference' ? tokensOfUnseen : ofParts(item);
    }
  const tools = listOf(request['tools']);
  if (tools.length > 0) tokens += tokensAboutTools;
  const { prompt, web_search_options: search } = request;
  const unseen = [
    tools.some(bringsMore),
    isJsonObject(search),
    isJsonObject(prompt),
    storedFields.some((name) => typeof request[name] === 'string' || isJsonObject(request[name])),
  ];
  return tokens + unseen.filter(Boolean).length * tokensOfUnseen;
}
