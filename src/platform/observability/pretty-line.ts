import { isJsonObject, tryParseJson, type Json } from '../../base/index.ts';

const colours: Readonly<Record<string, string>> = {
  debug: '\u001B[2m',
  info: '\u001B[32m',
  warn: '\u001B[33m',
  error: '\u001B[31m',
};
const plain = '\u001B[0m';
const dim = '\u001B[2m';
const shown = new Set(['level', 'time', 'message']);

function short(value: Json | undefined): string {
  if (isJsonObject(value) && typeof value['message'] === 'string') return JSON.stringify(value['message']);
  if (typeof value === 'string') return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value;
  return JSON.stringify(value) ?? '';
}

/** One JSON log line as a person reads it on a terminal: time, level, message, fields, and the stack of an error below. */
export function prettyLine(line: string, colour: boolean): string {
  const entry = tryParseJson(line);
  if (!isJsonObject(entry)) return line;
  const paint = (code: string | undefined, text: string): string =>
    colour && code !== undefined ? `${code}${text}${plain}` : text;
  const level = typeof entry['level'] === 'string' ? entry['level'] : '';
  const time = typeof entry['time'] === 'string' ? entry['time'].slice(11, 19) : '';
  const message = typeof entry['message'] === 'string' ? entry['message'] : '';
  const fields = Object.entries(entry).filter(([key]) => !shown.has(key));
  const stacks = fields.flatMap(([, value]) =>
    isJsonObject(value) && typeof value['stack'] === 'string' ? [value['stack']] : [],
  );
  return [
    [
      paint(dim, time),
      paint(colours[level], level.toUpperCase().padEnd(5)),
      message,
      ...fields.map(([key, value]) => `${paint(dim, `${key}=`)}${short(value)}`),
    ].join(' '),
    ...stacks.map((stack) => paint(dim, stack.replaceAll(/^/gm, '    '))),
    '',
  ].join('\n');
}
