import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToolContext } from '../../../testing/tool-context.ts';
import { fileOps } from './file-ops.ts';

let root: string;
let projectDir: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'agent33-jail-'));
  projectDir = path.join(root, 'project');
  await mkdir(path.join(projectDir, 'notes/deep'), { recursive: true });
  await mkdir(path.join(projectDir, 'private'));
  await mkdir(path.join(root, 'outside'));
  await writeFile(path.join(root, 'outside/secret.txt'), 'SECRET');
  await writeFile(path.join(projectDir, 'private/key.txt'), 'SECRET');
  await writeFile(path.join(projectDir, 'notes/a.md'), 'hello');
  await symlink(path.join(root, 'outside/secret.txt'), path.join(projectDir, 'notes/file-link'));
  await symlink(path.join(root, 'outside'), path.join(projectDir, 'notes/folder-link'));
  await link(path.join(root, 'outside/secret.txt'), path.join(projectDir, 'notes/hard-link'));
  await writeFile(path.join(projectDir, 'notes/binary'), Buffer.from([0xff, 0xfe, 0x00]));
  await writeFile(path.join(projectDir, 'notes/big'), Buffer.alloc(1024 * 1024 + 1, 0x61));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function call(parameters: Record<string, string>, use: object = { paths: ['notes'], write: true }) {
  const context = createToolContext({ projectDir, use: { name: 'file_ops', ...use } });
  try {
    return await fileOps.execute(parameters, context);
  } catch (error) {
    return { ok: false, code: (error as { code: string }).code, content: (error as Error).message } as const;
  }
}
const read = (given: string, use?: object) => call({ operation: 'read', path: given }, use);

describe('file_ops', () => {
  it('reads, lists and writes in the allowed folder', async () => {
    expect(await read('notes/a.md')).toMatchObject({ ok: true, content: 'hello' });
    expect(await read('./notes//a.md')).toMatchObject({ ok: true, content: 'hello' });
    expect(await call({ operation: 'write', path: 'notes/deep/new.md', content: 'grüße' })).toMatchObject({
      ok: true,
    });
    expect(await readFile(path.join(projectDir, 'notes/deep/new.md'), 'utf8')).toBe('grüße');
    expect((await call({ operation: 'list', path: 'notes' })).content.split('\n')).toContain('deep/');
    expect(await call({ operation: 'write', path: 'notes/a.md', content: 'new' })).toMatchObject({
      ok: true,
    });
    expect(await read('notes/a.md')).toMatchObject({ content: 'new' });
  });

  it('denies everything while the list of folders is empty, and writing unless it is allowed', async () => {
    expect(await read('notes/a.md', { paths: [] })).toMatchObject({ ok: false, code: 'tool_denied' });
    expect(
      await call({ operation: 'write', path: 'notes/x', content: '' }, { paths: ['notes'] }),
    ).toMatchObject({ ok: false, code: 'tool_denied' });
  });

  it.each([
    '../outside/secret.txt',
    'notes/../../outside/secret.txt',
    'notes/../private/key.txt',
    'private/key.txt',
    'notesx/a.md',
    '/etc/passwd',
    'C:\\Windows\\win.ini',
    'notes/file-link',
    'notes/folder-link/secret.txt',
    'notes/hard-link',
    'notes/\0a.md',
    'notes',
    '',
  ])('does not read %j', async (given) => {
    const result = await read(given);
    expect(result.ok).toBe(false);
    expect(result.content).not.toContain('SECRET');
  });

  it('writes through no link', async () => {
    for (const given of ['notes/folder-link/new.txt', '../outside/new.txt', 'notes'])
      expect((await call({ operation: 'write', path: given, content: 'x' })).ok).toBe(false);
    // A link as the last name is replaced, not followed.
    await symlink(path.join(root, 'outside/secret.txt'), path.join(projectDir, 'notes/victim'));
    expect(await call({ operation: 'write', path: 'notes/victim', content: 'mine' })).toMatchObject({
      ok: true,
    });
    expect(await readFile(path.join(root, 'outside/secret.txt'), 'utf8')).toBe('SECRET');
  });

  it('says what is wrong with files that are no text or too large', async () => {
    expect(await read('notes/binary')).toMatchObject({ code: 'unsupported_media_type' });
    expect(await read('notes/big')).toMatchObject({ code: 'payload_too_large' });
    expect(await read('notes/missing')).toMatchObject({ code: 'not_found' });
  });

  it('never reads what lies outside, whatever the path', async () => {
    const segment = fc.constantFrom(
      '..',
      '.',
      '',
      'notes',
      'folder-link',
      'file-link',
      'hard-link',
      'outside',
      'private',
      'key.txt',
      'secret.txt',
      '%2e%2e',
      '..\\',
      '\u2024\u2024',
      'a.md',
      '~',
      '/',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 7 }), async (segments) => {
        expect((await read(segments.join('/'))).content).not.toContain('SECRET');
      }),
      { numRuns: 300 },
    );
  });
});
