import { isJsonObject, type Json, type JsonObject } from '../../../../base/index.ts';
import type { UserPart } from '../../../../protocol/index.ts';
import { requestFault } from '../../model-door/request-fault.ts';

function imageOf({ image_url: url, detail }: JsonObject, path: string): UserPart {
  if (typeof url !== 'string' || url === '')
    throw requestFault(
      `${path}.image_url`,
      'expected a web address or data URL; uploaded files are not kept here',
    );
  const known = detail === 'low' || detail === 'high' || detail === 'auto';
  return { type: 'image', url, ...(known ? { detail } : {}) };
}

function fileOf({ file_data: data, file_url: address, filename }: JsonObject, path: string): UserPart {
  const given = data ?? address;
  if (typeof given !== 'string' || given === '')
    throw requestFault(path, 'expected "file_data" or "file_url"; uploaded files are not kept here');
  // Bare base64 is what some clients send in place of a data URL.
  const url = /^(?:data|https?):/.test(given) ? given : `data:application/octet-stream;base64,${given}`;
  const mimeType = /^data:([^;,]+)/.exec(url)?.[1] ?? 'application/octet-stream';
  return { type: 'file', url, mimeType, ...(typeof filename === 'string' ? { name: filename } : {}) };
}

/** Parts of a message or of a function's output. Error: `invalid_request`, naming the field. */
export function inputParts(content: Json | undefined, path: string): readonly UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw requestFault(path, 'expected a text or a list of parts');
  return (content as readonly Json[]).map((part, index): UserPart => {
    const place = `${path}.${index}`;
    if (!isJsonObject(part)) throw requestFault(place, 'expected an object with "type"');
    const type = part['type'];
    switch (typeof type === 'string' ? type : '') {
      case 'input_text':
      case 'output_text':
      case 'text':
      case 'summary_text':
      case 'reasoning_text':
      case 'refusal': {
        const text = part['text'] ?? part['refusal'];
        if (typeof text !== 'string') throw requestFault(`${place}.text`, 'expected a text');
        return { type: 'text', text };
      }
      case 'input_image':
        return imageOf(part, place);
      case 'input_file':
        return fileOf(part, place);
      default:
        throw requestFault(`${place}.type`, 'expected input_text, input_image, input_file or output_text');
    }
  });
}

/** The text of parts, and what of them is none. */
export function splitParts(parts: readonly UserPart[]): {
  readonly text: string;
  readonly others: readonly UserPart[];
} {
  return {
    text: parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'),
    others: parts.filter((part) => part.type !== 'text'),
  };
}
