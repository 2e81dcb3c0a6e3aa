import { z } from 'zod';
import { maxBlobBytes } from '../../../platform/blobs/index.ts';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool } from '../tool.ts';

const mostCharacters = 2_000_000;
const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Gives a file along with the answer: one that the model writes, or one that is there already. */
export const sendFile: Tool = defineTool({
  name: 'send_file',
  description:
    'Sends a file along with your answer. Give its content as text or as base64, or name a file that came with the request.',
  parameters: z
    .strictObject({
      name: z.string().min(1).max(200).describe('Name with its extension, such as "report.csv".'),
      text: z.string().max(mostCharacters).optional().describe('Content of a text file.'),
      base64: z.string().max(mostCharacters).optional().describe('Content of any other file.'),
      file: z
        .string()
        .max(200)
        .optional()
        .describe('Name or id of a file of this conversation turn, to be sent back as it is.'),
      mime_type: z.string().max(200).optional().describe('Such as "text/csv".'),
    })
    .refine(
      ({ text, base64: encoded, file }) =>
        [text, encoded, file].filter((one) => one !== undefined).length === 1,
      'expected exactly one of text, base64 and file',
    ),
  effect: 'keyed',
  examples: ['send me that as a file'],
  execute: async ({ name, text, base64: encoded, file, mime_type: mimeType }, { files }) => {
    if (files === undefined) return ToolResult.fail('files cannot be sent here', 'not_supported');
    let bytes: Uint8Array;
    if (text !== undefined) bytes = Buffer.from(text, 'utf8');
    else if (encoded !== undefined) {
      const packed = encoded.replaceAll(/\s/g, '');
      if (!base64.test(packed)) return ToolResult.fail('base64: expected base64', 'invalid_request');
      bytes = Buffer.from(packed, 'base64');
    } else {
      const found = await files.find(file ?? '');
      if (found === undefined)
        return ToolResult.fail(`file: there is no file "${file ?? ''}" in this run`, 'not_found');
      bytes = await files.read(found);
    }
    if (bytes.byteLength === 0) return ToolResult.fail('the file is empty', 'invalid_request');
    if (bytes.byteLength > maxBlobBytes)
      return ToolResult.fail(`the file is larger than ${maxBlobBytes} bytes`, 'payload_too_large');
    const kept = await files.add({ name, bytes, ...(mimeType === undefined ? {} : { mimeType }) });
    return ToolResult.ok(
      `"${kept.name}" (${kept.mimeType}, ${kept.sizeBytes} bytes) goes along with your answer.`,
      { files: [kept], data: kept.id },
    );
  },
});
