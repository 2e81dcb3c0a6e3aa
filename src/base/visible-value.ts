import { isJsonObject, type Json } from './json.ts';
import { visibleJson } from './visible-json.ts';

const step = '  ';
/** Tabs and line breaks are as they are; everything else that cannot be seen needs a word of its own. */
const hidden = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const hiddenAll = new RegExp(hidden, 'gu');

function escaped(character: string): string {
  return visibleJson(character).slice(1, -1);
}

/** A text of several lines: each behind a bar, so that none can pass for what stands around it. */
function block(text: string, indent: string): string {
  const lines = text.split('\n');
  const isPlain = !hidden.test(text);
  // Only then is a backslash in it anything but a backslash, and the head says so.
  const shown = isPlain
    ? lines
    : lines.map((one) => one.replaceAll('\\', '\\\\').replaceAll(hiddenAll, escaped));
  const head = `text of ${lines.length} lines${isPlain ? '' : ', \\ as in JSON'}:`;
  return [head, ...shown.map((one) => `${indent}| ${one}`)].join('\n');
}

/** Lines of a list or an object; after a block stands no comma, since it would be read as the text's. */
function joined(parts: readonly { readonly text: string; readonly value: Json }[]): string {
  return parts
    .map(({ text, value }, index) => {
      const isBlock = typeof value === 'string' && value.includes('\n');
      return index === parts.length - 1 || isBlock ? text : `${text},`;
    })
    .join('\n');
}

function shown(value: Json, indent: string): string {
  const inner = indent + step;
  if (typeof value === 'string' && value.includes('\n')) return block(value, inner);
  if (Array.isArray(value) && value.length > 0) {
    const parts = (value as readonly Json[]).map((one) => ({ text: inner + shown(one, inner), value: one }));
    return `[\n${joined(parts)}\n${indent}]`;
  }
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    const parts = Object.entries(value).map(([name, one = null]) => ({
      text: `${inner}${visibleJson(name)}: ${shown(one, inner)}`,
      value: one,
    }));
    return `{\n${joined(parts)}\n${indent}}`;
  }
  return visibleJson(value);
}

/**
 * A value for people who decide by it: as `visibleJson`, but texts of several lines with their own line breaks, each line
 * behind `| ` and their number before them. Two different values are never shown alike.
 */
export function visibleValue(value: Json): string {
  return shown(value, '');
}
