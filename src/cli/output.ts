import { createColors } from 'picocolors';
import { stringify } from 'yaml';
import { visibleLine, type Json, type JsonObject } from '../base/index.ts';
import { isDecorated, type CliContext, type GlobalOptions } from './cli-context.ts';
import { usageError } from './cli-error.ts';

const formats = ['table', 'json', 'yaml', 'jsonl'] as const;
export type OutputFormat = (typeof formats)[number];

/** The form in which data was asked for. */
export function outputFormat(options: GlobalOptions): OutputFormat {
  if (options.json === true) return 'json';
  const found = formats.find((format) => format === (options.output ?? 'table'));
  if (found === undefined) {
    throw usageError(`--output ${options.output} is not known; expected one of ${formats.join(', ')}`);
  }
  return found;
}

/** A column of a table: its heading and the text of a row in it. */
export interface Column {
  readonly title: string;
  readonly value: (row: JsonObject) => Json | undefined;
}

/** Columns that show fields by their own names. */
export function columns(...names: readonly string[]): readonly Column[] {
  return names.map((name) => ({ title: name.replaceAll('_', ' ').toUpperCase(), value: (row) => row[name] }));
}

/** A value as words: texts as they are, everything else as JSON, nothing as `-`. */
export function plainText(value: Json | undefined): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Where no terminal says how wide it is. */
const longestCell = 200;
const shortestCell = 20;

function cell(value: Json | undefined): string {
  return visibleLine(plainText(value), longestCell);
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : text;
}

/** The widths that the texts want, the widest made narrower as long as a line does not fit on the terminal. */
function widthsOf(wanted: readonly number[], available: number): readonly number[] {
  const widths = [...wanted];
  const total = (): number => widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1));
  while (total() > available) {
    const widest = Math.max(...widths);
    if (widest <= shortestCell) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function table(context: CliContext, rows: readonly JsonObject[], shown: readonly Column[]): string {
  const { dim } = createColors(isDecorated(context, context.stdout));
  const cells = rows.map((row) => shown.map(({ value }) => cell(value(row))));
  const wanted = shown.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((texts) => Array.from(texts[index] ?? '').length)),
  );
  const widths = widthsOf(wanted, context.stdout.columns ?? Infinity);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => cut(text, widths[index] ?? 0).padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [dim(line(shown.map(({ title }) => title))), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** Prints a list. Without rows the table form says so on standard error and prints nothing. */
export function printRows(
  context: CliContext,
  format: OutputFormat,
  rows: readonly JsonObject[],
  shown: readonly Column[],
): void {
  if (format === 'table') {
    if (rows.length === 0) context.stderr.write('none\n');
    else context.stdout.write(table(context, rows, shown));
  } else if (format === 'jsonl') {
    for (const row of rows) context.stdout.write(`${JSON.stringify(row)}\n`);
  } else printValue(context, format, rows);
}

/** Prints one thing; the table form lists its fields as YAML, which reads like a table of two columns. */
export function printValue(context: CliContext, format: OutputFormat, value: Json): void {
  if (format === 'json') context.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else if (format === 'jsonl') context.stdout.write(`${JSON.stringify(value)}\n`);
  else context.stdout.write(stringify(value, { lineWidth: 100 }));
}

/** The list within an answer of the server: the answer itself or its only list. */
export function rowsOf(body: Json): readonly JsonObject[] {
  if (Array.isArray(body)) return body as readonly JsonObject[];
  if (body === null || typeof body !== 'object') return [];
  const list = Object.values(body).find((value) => Array.isArray(value));
  return (list ?? []) as readonly JsonObject[];
}
