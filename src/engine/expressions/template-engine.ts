import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Environment } from 'minijinja-js';
import type { Json } from '../../base/index.ts';
import type { TemplateFilter } from './template-filters.ts';
import { webAssembly, type WebAssemblyExports, type WebAssemblyMemory } from './web-assembly.ts';

/** The JavaScript side of the WASM module, which its package generates without types. */
interface Glue {
  readonly Environment: typeof Environment;
  __wbg_set_wasm(exports: WebAssemblyExports): void;
}

/** Why the engine gave no text. */
export class TemplateFailure extends Error {
  override readonly name = 'TemplateFailure';
  /** Numbers given to `missing__` before it failed. */
  readonly missing: readonly number[];

  constructor(message: string, missing: readonly number[], cause?: unknown) {
    super(message, { cause });
    this.missing = missing;
  }
}

export interface TemplateEngine {
  /** Renders; a list or object of `values` enters as it is. Throws `TemplateFailure`. */
  render(source: string, values: Readonly<Record<string, unknown>>): RenderedTemplate;
}

export interface RenderedTemplate {
  readonly text: string;
  /** Numbers given to the filter `missing__` that were really evaluated. */
  readonly missing: readonly number[];
}

/** Loops and calls of one evaluation. */
const mostSteps = 200_000;
/** Longest text that an evaluation may give. */
const mostCharacters = 32 * 1024 * 1024;
/** Most memory of the engine, in pages of 64 KB; what needs more ends the evaluation and the engine begins anew. */
const mostPages = 4096;

const memorySection = 5;

/** Reads an unsigned LEB128 number. */
function leb128(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  let next = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[next] ?? 0;
    next += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next };
  }
}

function toLeb128(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** The WASM module with an upper limit of its memory, which it comes without. */
function withMemoryLimit(bytes: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  // After the eight bytes of the header: sections, each with its number and length.
  for (let at = 8; at < bytes.length;) {
    const { value: length, next } = leb128(bytes, at + 1);
    if (bytes[at] === memorySection) {
      // One memory; flags 0 say that it has no limit.
      if (bytes[next] !== 1 || bytes[next + 1] !== 0)
        throw new Error('the template engine has a memory of another form than expected');
      const least = leb128(bytes, next + 2).value;
      const body = [1, 1, ...toLeb128(least), ...toLeb128(pages)];
      const section = [memorySection, ...toLeb128(body.length), ...body];
      return Uint8Array.from([...bytes.subarray(0, at), ...section, ...bytes.subarray(next + length)]);
    }
    at = next + length;
  }
  throw new Error('the template engine has no memory of its own');
}

const folder = (): string =>
  path.join(
    path.dirname(createRequire(import.meta.url).resolve('minijinja-js/package.json')),
    'dist',
    'bundler',
  );

/** Functions that would make an evaluation depend on more than its values, or show how the engine is made. */
const unwanted = ['debug', 'lipsum', 'cycler', 'joiner'];

class WasmTemplateEngine implements TemplateEngine {
  readonly #glue: Glue;
  readonly #module: object;
  readonly #filters: Readonly<Record<string, TemplateFilter>>;
  #exports: WebAssemblyExports | undefined;
  #environment: Environment | undefined;
  #missing: number[] = [];
  #fault: string | undefined;

  constructor(glue: Glue, module: object, filters: Readonly<Record<string, TemplateFilter>>) {
    this.#glue = glue;
    this.#module = module;
    this.#filters = filters;
  }

  render(source: string, values: Readonly<Record<string, unknown>>): RenderedTemplate {
    const environment = this.#environment ?? this.#start();
    this.#missing = [];
    this.#fault = undefined;
    try {
      const text = environment.renderStr(source, values);
      const fault = this.#fault as string | undefined;
      if (fault !== undefined) throw new TemplateFailure(fault, this.#missing);
      if (text.length > mostCharacters)
        throw new TemplateFailure(`the result is longer than ${mostCharacters} characters`, this.#missing);
      return { text, missing: this.#missing };
    } catch (error) {
      if (error instanceof TemplateFailure) throw error;
      // The module says what is wrong by an ordinary error; anything else left it in an unknown state.
      if (error instanceof Error && error.constructor === Error && !/recursive use of/.test(error.message))
        throw new TemplateFailure(reasonOf(error.message), this.#missing, error);
      this.#discard();
      const reason =
        error instanceof RangeError ? 'it is nested too deeply' : 'it needs more memory than is allowed';
      throw new TemplateFailure(reason, this.#missing, error);
    } finally {
      if (this.#memoryBytes() > (mostPages / 4) * 65_536) this.#discard();
    }
  }

  /** The module does not survive an error of a filter: it is kept until the evaluation has ended. */
  #apply(filter: TemplateFilter, given: readonly unknown[]): Json {
    try {
      const [value = null, ...more] = given.map(toJson);
      return filter(value, ...more);
    } catch (error) {
      this.#fault ??= error instanceof Error ? error.message : 'a filter failed';
      return null;
    }
  }

  #memoryBytes(): number {
    return (this.#exports?.['memory'] as WebAssemblyMemory | undefined)?.buffer.byteLength ?? 0;
  }

  /** Memory of WASM never shrinks: an engine that grew large, or broke, is left to the garbage collector. */
  #discard(): void {
    const memory = this.#exports?.['memory'] as WebAssemblyMemory | undefined;
    // Without this the finaliser would give the old pointer to the new module.
    (this.#environment as unknown as { __destroy_into_raw(): void } | undefined)?.__destroy_into_raw();
    // Detaches the buffer, which is how the glue sees that its views are of the past.
    memory?.grow(0);
    this.#environment = undefined;
    this.#exports = undefined;
  }

  #start(): Environment {
    const { exports } = new webAssembly.Instance(this.#module, {
      './minijinja_js_bg.js': quiet(this.#glue),
    });
    this.#glue.__wbg_set_wasm(exports);
    this.#exports = exports;
    const environment = new this.#glue.Environment();
    environment.undefinedBehavior = 'strict';
    environment.fuel = mostSteps;
    for (const name of unwanted) environment.removeGlobal(name);
    for (const [name, filter] of Object.entries(this.#filters))
      environment.addFilter(name, (...given: unknown[]) => this.#apply(filter, given));
    environment.addFilter('missing__', (index: number) => {
      this.#missing.push(index);
      return null;
    });
    this.#environment = environment;
    return environment;
  }
}

/** A value as the module gives it to filters: its objects are maps, its none is undefined. */
function toJson(value: unknown): Json {
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<unknown, unknown>)].map(([key, item]): [string, Json] => [
      String(key),
      toJson(item),
    ]);
    return Object.fromEntries(entries);
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'bigint') return Number(value);
  return (value ?? null) as Json;
}

/** What the module imports, without the function by which it writes to the console before it breaks. */
function quiet(glue: Glue): Readonly<Record<string, object>> {
  const imports = Object.entries(glue as unknown as Readonly<Record<string, object>>);
  return Object.fromEntries(
    imports.map(([name, value]) => [name, name.startsWith('__wbg_error_') ? (): void => {} : value]),
  );
}

/** The engine's words without its place and its drawing of the source. */
function reasonOf(message: string): string {
  const [first = ''] = message.split('\n');
  const reason = first
    .replace(/ \(in <string>:\d+\)$/, '')
    .replace(/^(?:invalid operation|unknown \w+): (?=\S)/, '');
  return /fuel/.test(reason) ? 'it takes too many steps (out of fuel)' : reason;
}

let loading: Promise<TemplateEngine> | undefined;

async function load(filters: Readonly<Record<string, TemplateFilter>>): Promise<TemplateEngine> {
  const dir = folder();
  const glueFile = pathToFileURL(path.join(dir, 'minijinja_js_bg.js')).href;
  const [glue, bytes] = await Promise.all([
    import(glueFile) as Promise<Glue>,
    readFile(path.join(dir, 'minijinja_js_bg.wasm')),
  ]);
  const module = await webAssembly.compile(withMemoryLimit(bytes, mostPages));
  return new WasmTemplateEngine(glue, module, filters);
}

/** The template engine. One for the process: the WASM module keeps its state beside itself. */
export function templateEngine(filters: Readonly<Record<string, TemplateFilter>>): Promise<TemplateEngine> {
  loading ??= load(filters);
  return loading;
}
