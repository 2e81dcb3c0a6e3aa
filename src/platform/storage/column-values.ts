import { types } from 'pg';

const int8 = 20;
const numeric = 1700;
const builtInParser = types.getTypeParser as (oid: number) => (text: string) => unknown;

function parseInt8(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/**
 * The reader of one column type, the same on both backends: node-postgres's own, except that `int8` is a number (a
 * bigint beyond 2^53) and `numeric` a number.
 */
export function columnParser(oid: number): (text: string) => unknown {
  if (oid === int8) return parseInt8;
  if (oid === numeric) return Number;
  return builtInParser(oid);
}

function arrayLiteral(values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (Array.isArray(value)) return arrayLiteral(value);
    const parameter = toParameter(value);
    if (parameter === null) return 'NULL';
    const text = typeof parameter === 'string' ? parameter : `\\x${Buffer.from(parameter).toString('hex')}`;
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${items.join(',')}}`;
}

/** A statement parameter as PostgreSQL's text, by the rules of node-postgres. */
export function toParameter(value: unknown): string | Uint8Array | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return arrayLiteral(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `${value}`;
  return JSON.stringify(value);
}
