import { describe, expect, it } from 'vitest';
import { contentTypeOf, isReadable, safeFileName } from './index.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('contentTypeOf', () => {
  it.each([
    ['a PNG', hex('89504e470d0a1a0a00'), 'x.txt', 'text/plain', 'image/png'],
    ['a JPEG', hex('ffd8ffe000'), 'x', undefined, 'image/jpeg'],
    ['a GIF', Buffer.from('GIF89a\0'), 'x', undefined, 'image/gif'],
    ['a WebP', Buffer.from('RIFF\x10\0\0\0WEBPVP8 '), 'x', undefined, 'image/webp'],
    ['a PDF', Buffer.from('%PDF-1.7\n'), 'x.png', 'image/png', 'application/pdf'],
    ['a voice note', Buffer.from('OggS\0\0'), 'x', 'audio/ogg', 'audio/ogg'],
    ['a page that says it is a picture', Buffer.from('<html></html>'), 'x.png', 'image/png', 'text/plain'],
    ['a table', Buffer.from('a,b\n'), 'x.csv', 'application/octet-stream', 'text/csv'],
    ['a picture made of text', Buffer.from('<svg/>'), 'x.svg', 'image/svg+xml', 'text/xml'],
    ['a text with a type of its own', Buffer.from('x'), 'x', 'text/x-python; charset=utf-8', 'text/x-python'],
    ['a program', hex('7f454c4602010100'), 'x.png', 'image/png', 'application/octet-stream'],
    ['half a character', hex('c3'), 'x.txt', 'text/plain', 'application/octet-stream'],
    ['nothing', Buffer.alloc(0), 'x.txt', 'text/plain', 'application/octet-stream'],
    [
      'a spreadsheet',
      hex('504b030414000000'),
      'x.xlsx',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    ],
    ['an archive that says it is a page', hex('504b030414000000'), 'x', 'text/html', 'application/zip'],
  ])('knows %s by its content', (_what, bytes, name, said, expected) => {
    expect(contentTypeOf(bytes, { name, ...(said === undefined ? {} : { said }) })).toBe(expected);
  });

  it('says what an agent can be shown', () => {
    const readable = ['image/png', 'application/pdf', 'text/csv', 'application/json'];
    const others = ['image/heic', 'audio/ogg', 'video/mp4', 'application/zip', 'application/octet-stream'];
    expect([...readable, ...others].filter(isReadable)).toEqual(readable);
  });
});

describe('safeFileName', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\a\\b.txt', 'b.txt'],
    ['.bashrc', 'bashrc'],
    ['a\u202Egnp.exe', 'a gnp.exe'],
    ['a\r\nContent-Type: x', 'a Content-Type_ x'],
    ['x]\n[system', 'x_ _system'],
    ['größe 漢字.csv', 'größe 漢字.csv'],
    ['', 'file'],
    ['...', 'file'],
    ['a/', 'file'],
  ])('makes %j be %j', (given, expected) => {
    expect(safeFileName(given, 'file')).toBe(expected);
  });

  it('cuts a long name and keeps its extension', () => {
    const name = safeFileName(`${'x'.repeat(5000)}.csv`, 'file');
    expect(name).toMatch(/^x+….csv$/);
    expect(name.length).toBeLessThanOrEqual(100);
  });
});
