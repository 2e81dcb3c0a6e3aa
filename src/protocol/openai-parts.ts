import { AppError, isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import type { CacheMark, UserPart } from './chat.ts';

/** A field of a conversation that is not as it must be. */
export function messageFault(path: string, message: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, { details: { issues: [{ path, message }] } });
}

/** The `cache_control` of a part, message or tool as a field of ours; empty without one. */
export function cacheMarkOf(value: JsonObject): { cacheControl?: CacheMark } {
  const mark = value['cache_control'];
  if (!isJsonObject(mark) || mark['type'] !== 'ephemeral') return {};
  const { ttl } = mark;
  return { cacheControl: { type: 'ephemeral', ...(ttl === '5m' || ttl === '1h' ? { ttl } : {}) } };
}

/** The way back of `cacheMarkOf`. */
export function cacheMarkField(mark: CacheMark | undefined): { cache_control?: JsonObject } {
  return mark === undefined ? {} : { cache_control: { ...mark } };
}

const audioTypes: Readonly<Record<string, string>> = { mp3: 'audio/mpeg', wav: 'audio/wav' };
const videoType = 'video/mp4';

function typeOfUrl(url: string, otherwise: string): string {
  return /^data:([^;,]+)/.exec(url)?.[1] ?? otherwise;
}

function urlOf(value: Json | undefined): string | undefined {
  const url = isJsonObject(value) ? value['url'] : value;
  return typeof url === 'string' ? url : undefined;
}

function filePart(part: JsonObject): UserPart | undefined {
  const { type, file, input_audio: audio, video_url: video } = part;
  if (type === 'file' && isJsonObject(file) && typeof file['file_data'] === 'string') {
    const url = file['file_data'];
    const name = file['filename'];
    return {
      type: 'file',
      url,
      mimeType: typeOfUrl(url, 'application/octet-stream'),
      ...(typeof name === 'string' ? { name } : {}),
    };
  }
  if (type === 'input_audio' && isJsonObject(audio) && typeof audio['data'] === 'string') {
    const format = typeof audio['format'] === 'string' ? audio['format'] : 'wav';
    const mimeType = audioTypes[format] ?? `audio/${format}`;
    return { type: 'file', url: `data:${mimeType};base64,${audio['data']}`, mimeType };
  }
  if (type === 'video_url') {
    const url = urlOf(video);
    if (url !== undefined) return { type: 'file', url, mimeType: typeOfUrl(url, videoType) };
  }
  return undefined;
}

/** One part of a message in OpenAI's form. Error: `invalid_request`, naming the field. */
export function userPartOf(part: Json, path: string): UserPart {
  if (typeof part === 'string') return { type: 'text', text: part };
  if (isJsonObject(part)) {
    const mark = cacheMarkOf(part);
    if (typeof part['text'] === 'string') return { type: 'text', text: part['text'], ...mark };
    if (part['type'] === 'image_url') {
      const image = part['image_url'];
      const url = urlOf(image);
      const detail = isJsonObject(image) ? image['detail'] : undefined;
      const known = detail === 'low' || detail === 'high' || detail === 'auto';
      if (url !== undefined) return { type: 'image', url, ...(known ? { detail } : {}), ...mark };
    }
    const file = filePart(part);
    if (file !== undefined) return { ...file, ...mark };
  }
  throw messageFault(
    path,
    'expected a part of type "text", "image_url", "input_audio", "video_url" or "file" (with file_data)',
  );
}

/** One part of a message as OpenAI has it: the way back of `userPartOf`. */
export function openAiPartOf(part: UserPart): JsonObject {
  const mark = cacheMarkField(part.cacheControl);
  if (part.type === 'text') return { type: 'text', text: part.text, ...mark };
  if (part.type === 'image') {
    const detail = part.detail === undefined ? {} : { detail: part.detail };
    return { type: 'image_url', image_url: { url: part.url, ...detail }, ...mark };
  }
  const sound = /^data:audio\/([^;,]+)[^,]*;base64,(.*)$/s.exec(part.url);
  if (sound !== null) {
    const format = sound[1] === 'mpeg' ? 'mp3' : (sound[1] ?? '').replace(/^x-/, '');
    return { type: 'input_audio', input_audio: { data: sound[2], format }, ...mark };
  }
  if (part.mimeType.startsWith('video/')) return { type: 'video_url', video_url: { url: part.url }, ...mark };
  const named = part.name === undefined ? {} : { filename: part.name };
  return { type: 'file', file: { file_data: part.url, ...named }, ...mark };
}
