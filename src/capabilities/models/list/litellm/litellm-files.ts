import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { isJsonObject, placeOf, type Json, type JsonObject } from '../../../../base/index.ts';
import type { Location, ModelListFault } from '../location.ts';

/** A section of a configuration, with where it stands; sections may come from different files. */
export interface Section {
  readonly value: Json;
  readonly at: (path: readonly PropertyKey[]) => Location;
}

/** A LiteLLM configuration with the files that it includes. */
export interface LiteLlmFiles {
  readonly models: readonly Section[];
  /** Every other key at the top; one of an included file replaces it. */
  readonly sections: ReadonlyMap<string, Section>;
  /** Absolute paths of everything that was read or looked for. */
  readonly read: readonly string[];
  /** Without a readable main file there is nothing to use. */
  readonly faults: readonly ModelListFault[];
  readonly notes: readonly ModelListFault[];
}

const mostBytes = 8 * 1024 * 1024;
const mostFiles = 100;
const deepest = 100;

/** Does the value nest further than anybody needs, or lead back into itself? */
function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= deepest || Object.values(value).some((inner) => isTooDeep(inner, depth + 1));
}

interface ReadDocument {
  readonly value: JsonObject;
  readonly at: (path: readonly PropertyKey[]) => Location;
}

/** Reads YAML as Python's loader does where it matters: merge keys count, the last of two equal keys wins. */
function parse(text: string, file: string): ReadDocument | ModelListFault {
  const counter = new LineCounter();
  let document: Document;
  let value: Json;
  try {
    document = parseDocument(text, {
      lineCounter: counter,
      uniqueKeys: false,
      merge: true,
      logLevel: 'silent',
    });
    const [error] = document.errors;
    if (error !== undefined) {
      const [start] = error.linePos ?? [];
      const message = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
      return { file, line: start?.line ?? 1, column: start?.col, message };
    }
    value = (document.toJS({ maxAliasCount: 1000 }) ?? {}) as Json;
  } catch (error) {
    const reason =
      error instanceof RangeError || !(error instanceof Error) ? 'nested too deeply' : error.message;
    return { file, line: 1, column: 1, message: reason };
  }
  if (isTooDeep(value)) return { file, line: 1, column: 1, message: 'nested too deeply' };
  if (!isJsonObject(value)) return { file, line: 1, column: 1, message: 'expected a map with model_list' };
  return { value, at: (inner) => ({ file, ...placeOf(document, counter, inner) }) };
}

async function read(absolute: string, file: string): Promise<ReadDocument | ModelListFault> {
  try {
    const found = await stat(absolute);
    if (!found.isFile()) return { file, message: 'is not a file' };
    if (found.size > mostBytes) return { file, message: `larger than ${mostBytes} bytes` };
    return parse(await readFile(absolute, 'utf8'), file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return { file, message: code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})` };
  }
}

/** Reads a configuration and what it includes. Never rejects. */
export async function readLiteLlmFiles(dir: string, file: string): Promise<LiteLlmFiles> {
  const models: Section[] = [];
  const sections = new Map<string, Section>();
  const notes: ModelListFault[] = [];
  const faults: ModelListFault[] = [];
  const seen = new Set<string>();

  async function add(absolute: string, from: Location | undefined): Promise<void> {
    if (seen.has(absolute)) {
      if (from !== undefined) notes.push({ ...from, message: 'include: this file is read already' });
      return;
    }
    if (seen.size >= mostFiles) return;
    seen.add(absolute);
    const shown = path.relative(dir, absolute) || absolute;
    const document = await read(absolute, shown.startsWith('..') ? absolute : shown);
    if (!('value' in document)) {
      if (from === undefined) faults.push(document);
      else notes.push({ ...from, message: `include: ${document.file}: ${document.message}` });
      return;
    }
    const { value, at } = document;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'include' || inner === undefined) continue;
      const section: Section = { value: inner, at: (rest) => at([key, ...rest]) };
      if (key === 'model_list') models.push(section);
      else sections.set(key, section);
    }
    const { include } = value;
    const included = Array.isArray(include)
      ? (include as readonly Json[])
      : include === undefined
        ? []
        : [include];
    for (const [index, name] of included.entries()) {
      const place = at(['include', index]);
      if (typeof name === 'string') await add(path.resolve(path.dirname(absolute), name), place);
      else if (name !== null) notes.push({ ...place, message: 'include: expected the name of a file' });
    }
  }
  await add(path.resolve(dir, file), undefined);
  return { models, sections, read: [...seen], faults, notes };
}
