import { isUtf8 } from 'node:buffer';
import { AppError } from '../../base/index.ts';
import { jsonFaultOffset } from './json-fault.ts';

/** How large a body's structure may be. */
export interface JsonBodyLimits {
  /** Levels of lists and objects. */
  readonly deepest: number;
  /** Keys of all objects together. */
  readonly mostKeys: number;
}

const ordinary: JsonBodyLimits = { deepest: 32, mostKeys: 10_000 };

function refuse(message: string): AppError {
  return new AppError('invalid_request', `the body ${message}`);
}

/** Line and column within a text, counted from 1. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`;
}

function syntaxFault(text: string): AppError {
  const offset = jsonFaultOffset(text);
  const found = offset >= text.length ? 'the end' : JSON.stringify(text.charAt(offset));
  return refuse(`is no JSON: unexpected ${found} at ${placeOf(text, offset)}`);
}

/** Refuses what is built to exhaust or to poison: too deep, too many keys, keys that reach for prototypes. */
function check(root: unknown, { deepest, mostKeys }: JsonBodyLimits): void {
  let keys = 0;
  const visit = (value: unknown, depth: number): void => {
    if (value === null || typeof value !== 'object') return;
    if (depth > deepest) throw refuse(`is nested deeper than ${deepest} levels`);
    if (Array.isArray(value)) {
      for (const item of value) visit(item, depth + 1);
      return;
    }
    const names = Object.keys(value);
    keys += names.length;
    if (keys > mostKeys) throw refuse(`has more than ${mostKeys} keys`);
    for (const name of names) {
      const inner = (value as Record<string, unknown>)[name];
      const poisonous =
        name === '__proto__' ||
        (name === 'constructor' && inner !== null && typeof inner === 'object' && 'prototype' in inner);
      if (poisonous) throw refuse(`has the key "${name}", which is not allowed`);
      visit(inner, depth + 1);
    }
  };
  visit(root, 1);
}

/** The JSON value of a body; `undefined` for an empty one. Error: `invalid_request`, with the place of the fault. */
export function parseJsonBody(bytes: Buffer, limits: JsonBodyLimits = ordinary): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw refuse('is not valid UTF-8');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw syntaxFault(text);
  }
  check(value, limits);
  return value;
}
