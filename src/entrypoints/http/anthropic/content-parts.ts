import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { CacheMark, UserPart } from '../../../protocol/index.ts';
import { requestFault } from '../model-door/request-fault.ts';

/** The mark of a block up to which a provider may keep what it has read. */
export function cacheMarkOf({ cache_control: mark }: JsonObject): { readonly cacheControl?: CacheMark } {
  if (!isJsonObject(mark) || mark['type'] !== 'ephemeral') return {};
  const { ttl } = mark;
  return { cacheControl: { type: 'ephemeral', ...(ttl === '5m' || ttl === '1h' ? { ttl } : {}) } };
}

function addressOf(
  source: Json | undefined,
  path: string,
): { readonly url: string; readonly mimeType: string } {
  if (!isJsonObject(source)) throw requestFault(path, 'expected an object with "type"');
  const { type, media_type: mediaType, data, url } = source;
  if (type === 'base64') {
    if (typeof mediaType !== 'string') throw requestFault(`${path}.media_type`, 'expected a text');
    if (typeof data !== 'string') throw requestFault(`${path}.data`, 'expected base64');
    return { url: `data:${mediaType};base64,${data}`, mimeType: mediaType };
  }
  if (type === 'url' && typeof url === 'string') return { url, mimeType: 'application/pdf' };
  throw requestFault(`${path}.type`, 'expected base64 or url; uploaded files are not kept here');
}

/** A document's own text, where it is no file. */
function textOfSource(source: Json | undefined, path: string): string | undefined {
  if (!isJsonObject(source)) return undefined;
  if (source['type'] === 'text' && typeof source['data'] === 'string') return source['data'];
  if (source['type'] !== 'content') return undefined;
  const parts = contentParts(source['content'], `${path}.content`);
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function documentPart(block: JsonObject, path: string): UserPart {
  const { title, context, source } = block;
  const text = textOfSource(source, `${path}.source`);
  const name = typeof title === 'string' ? title : undefined;
  if (text === undefined)
    return {
      type: 'file',
      ...addressOf(source, `${path}.source`),
      ...(name === undefined ? {} : { name }),
      ...cacheMarkOf(block),
    };
  const head = [name, typeof context === 'string' ? context : undefined].filter((one) => one !== undefined);
  return { type: 'text', text: [...head, text].join('\n'), ...cacheMarkOf(block) };
}

function blockPart(block: JsonObject, path: string): UserPart {
  const mark = cacheMarkOf(block);
  const type = block['type'];
  switch (typeof type === 'string' ? type : '') {
    case 'text':
      if (typeof block['text'] !== 'string') throw requestFault(`${path}.text`, 'expected a text');
      return { type: 'text', text: block['text'], ...mark };
    case 'image':
      return { type: 'image', url: addressOf(block['source'], `${path}.source`).url, ...mark };
    case 'document':
      return documentPart(block, path);
    case 'search_result': {
      const named = [block['title'], block['source']].filter((one) => typeof one === 'string');
      const said = contentParts(block['content'], `${path}.content`);
      const texts = said.flatMap((part) => (part.type === 'text' ? [part.text] : []));
      return { type: 'text', text: [...named, ...texts].join('\n'), ...mark };
    }
    default:
      throw requestFault(`${path}.type`, 'expected text, image, document or search_result');
  }
}

/** Blocks of a user's message or of a tool's result. Error: `invalid_request`, naming the field. */
export function contentParts(content: Json | undefined, path: string): readonly UserPart[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw requestFault(path, 'expected a text or a list of content blocks');
  return (content as readonly Json[]).map((block, index) => {
    if (!isJsonObject(block)) throw requestFault(`${path}.${index}`, 'expected an object with "type"');
    return blockPart(block, `${path}.${index}`);
  });
}
