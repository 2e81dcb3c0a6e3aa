import { expect, it } from 'vitest';
import type { RunFile } from '../../../protocol/index.ts';
import { toolContract } from '../../../testing/contracts/tool-contract.ts';
import { createToolContext } from '../../../testing/tool-context.ts';
import type { GivenFile } from '../../files/index.ts';
import type { ToolFiles } from '../tool.ts';
import { sendFile } from './send-file.ts';

/** Files of a run with one that came with the request. */
function filesWith(): ToolFiles & { readonly added: GivenFile[] } {
  const sent: RunFile = {
    id: 'fil_00000000000000000000',
    name: 'cat.png',
    mimeType: 'image/png',
    sizeBytes: 3,
  };
  const added: GivenFile[] = [];
  return {
    added,
    add(file) {
      added.push(file);
      const { bytes, name = '', mimeType = 'text/plain' } = file;
      return Promise.resolve({ id: 'fil_1', name, mimeType, sizeBytes: bytes.byteLength });
    },
    find: (nameOrId) => Promise.resolve([sent.id, sent.name].includes(nameOrId) ? sent : undefined),
    read: () => Promise.resolve(Buffer.from('cat')),
  };
}

toolContract('send_file', () =>
  Promise.resolve({
    tool: sendFile,
    works: { name: 'a.txt', text: 'hello' },
    unfit: { name: '' },
    context: { files: filesWith() },
  }),
);

it.each([
  [{ name: 'a.txt', text: 'hello' }, 'hello'],
  [{ name: 'a.bin', base64: 'aGVs\nbG8=' }, 'hello'],
  [{ name: 'back.png', file: 'cat.png' }, 'cat'],
])('stores what it is given: %j', async (parameters, content) => {
  const files = filesWith();
  const result = await sendFile.execute(parameters, createToolContext({ files }));
  expect(Buffer.from(files.added[0]?.bytes ?? []).toString()).toBe(content);
  expect(result).toMatchObject({ ok: true, files: [{ name: parameters.name }] });
});

it.each([
  [{ name: 'a' }, 'exactly one'],
  [{ name: 'a', text: 'x', base64: 'eA==' }, 'exactly one'],
  [{ name: 'a', base64: 'no base64!' }, 'base64'],
  [{ name: 'a', text: '' }, 'empty'],
  [{ name: 'a', file: 'unknown.png' }, 'no file "unknown.png"'],
])('says what is wrong with %j', async (parameters, words) => {
  const result = await sendFile.execute(parameters, createToolContext({ files: filesWith() }));
  expect(result).toMatchObject({ ok: false, content: expect.stringContaining(words) as string });
});

it('says so where no files can be kept', async () => {
  const result = await sendFile.execute({ name: 'a', text: 'x' }, createToolContext());
  expect(result).toMatchObject({ ok: false });
});
