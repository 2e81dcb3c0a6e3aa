import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parse as parseYaml } from 'yaml';
import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../base/index.ts';
import type { CliContext } from './cli-context.ts';
import { usageError } from './cli-error.ts';

/** Longer than any server keeps a waiting caller. */
export const waitMs = 3_600_000;

async function readSource(context: CliContext, given: string): Promise<string> {
  if (given === '-') return text(context.stdin);
  if (!given.startsWith('@')) return given;
  return readFile(path.resolve(context.cwd, given.slice(1)), 'utf8').catch((error: unknown) => {
    throw usageError(`--inputs ${given} cannot be read: ${(error as Error).message}`);
  });
}

/** The value of `--inputs`: JSON, `@FILE`, or `-` for standard input; an empty object when left out. */
export async function readInputs(context: CliContext, given: string | undefined): Promise<Json> {
  if (given === undefined) return {};
  const source = await readSource(context, given);
  const inputs = tryParseJson(source);
  if (isJsonObject(inputs) || typeof inputs === 'string') return inputs;
  throw usageError(
    `--inputs is no JSON object: ${source.slice(0, 60)}`,
    `write it like --inputs '{"message": "hello"}', or give a file as --inputs @inputs.json`,
  );
}

/**
 * Inputs as a JSON object, or a file of them in JSON or YAML; `-` is standard input, and an `@` before the name of a
 * file may be there.
 */
export async function readInputsByName(context: CliContext, file: string): Promise<JsonObject> {
  if (file.trimStart().startsWith('{')) return (await readInputs(context, file)) as JsonObject;
  const source = await readSource(context, file === '-' || file.startsWith('@') ? file : `@${file}`);
  let inputs: unknown;
  try {
    inputs = parseYaml(source);
  } catch (error) {
    throw usageError(`--inputs ${file}: ${(error as Error).message}`);
  }
  if (isJsonObject(inputs)) return inputs;
  throw usageError(`--inputs ${file}: expected an object of inputs by name`);
}

/** A value on a command line: JSON where it is some (`null` too), else the text itself. */
export function jsonOrText(given: string): Json {
  const parsed = tryParseJson(given);
  return parsed === undefined ? given : parsed;
}

/** Collects `--input k=v`: JSON where the value is JSON, else a text. */
export function addInput(given: string, before: JsonObject = {}): JsonObject {
  const at = given.indexOf('=');
  if (at < 1) throw usageError(`--input ${given}: expected NAME=VALUE`);
  const value = given.slice(at + 1);
  return { ...before, [given.slice(0, at)]: jsonOrText(value) };
}
