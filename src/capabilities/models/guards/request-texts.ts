import type { Json } from '../../../base/index.ts';
import type { ModelRequest } from '../provider.ts';

type Request = Omit<ModelRequest, 'model'>;

/** Fields that say how things belong together, and what only a provider can read. */
const structure = new Set([
  'role',
  'type',
  'id',
  'toolCallId',
  'tool_call_id',
  'mimeType',
  'detail',
  'cacheControl',
  'providerData',
  'signature',
]);

/** A value with every text in it mapped; the same object when nothing changed. Data URLs and field names stay. */
export function mapTexts<T>(value: T, map: (text: string) => string): T {
  if (typeof value === 'string') return (value.startsWith('data:') ? value : map(value)) as T;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const mapped = (value as readonly Json[]).map((item) => mapTexts(item, map));
    return (mapped.every((item, index) => item === value[index]) ? value : mapped) as T;
  }
  let changed = false;
  const entries = Object.entries(value).map(([name, item]: [string, unknown]) => {
    const mapped = structure.has(name) ? item : mapTexts(item, map);
    if (mapped !== item) changed = true;
    return [name, mapped] as const;
  });
  return changed ? (Object.fromEntries(entries) as T) : value;
}

/** A request with its texts mapped: what was said, what tools are told and answered, further fields. */
export function mapRequest(request: Request, map: (text: string) => string): Request {
  const { messages, tools, extra } = request;
  const mapped = {
    messages: mapTexts(messages, map),
    tools: tools?.map((tool) => {
      const described = {
        description: map(tool.description),
        parameters: mapTexts(tool.parameters, map),
      };
      return described.description === tool.description && described.parameters === tool.parameters
        ? tool
        : { ...tool, ...described };
    }),
    extra: mapTexts(extra, map),
  };
  const same =
    mapped.messages === messages &&
    mapped.extra === extra &&
    (tools ?? []).every((tool, index) => tool === mapped.tools?.[index]);
  if (same) return request;
  return {
    ...request,
    messages: mapped.messages,
    ...(mapped.tools === undefined ? {} : { tools: mapped.tools }),
    ...(mapped.extra === undefined ? {} : { extra: mapped.extra }),
  };
}

/** Every text of a request. */
export function textsOf(request: Request): readonly string[] {
  const texts: string[] = [];
  mapRequest(request, (text) => {
    texts.push(text);
    return text;
  });
  return texts;
}
