import { AppError } from '../../base/index.ts';
import { isSecretKey, redactedText } from './redactor.ts';

const deepest = 6;
const longestList = 100;

function loggableError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: error.message,
    ...(error instanceof AppError ? { code: error.code } : {}),
    ...(error instanceof AppError && error.details !== undefined
      ? { details: loggable(error.details, depth + 1) }
      : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: loggable(error.cause, depth + 1) }),
  };
}

/** A copy that is safe to log: secrets by field name removed, errors spelled out, depth and length bounded. */
export function loggable(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? String(value) : value;
  if (depth >= deepest) return '[deeper]';
  if (value instanceof Error) return loggableError(value, depth);
  if (value instanceof Date || value instanceof URL) return value.toJSON();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const items = value.slice(0, longestList).map((item) => loggable(item, depth + 1));
    return value.length > longestList ? [...items, `… ${value.length - longestList} more`] : items;
  }
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    copy[key] = isSecretKey(key) && typeof inner !== 'number' ? redactedText : loggable(inner, depth + 1);
  }
  return copy;
}
