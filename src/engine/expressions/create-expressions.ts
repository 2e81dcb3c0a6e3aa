import { didYouMean, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { compileTemplate, refusedStatement, type CompiledTemplate } from './compile-template.ts';
import { asTemplate, type Expressions } from './expressions.ts';
import { expressionFailure } from './expression-failure.ts';
import { LruCache } from './lru-cache.ts';
import { resolvePath } from './resolve-path.ts';
import { syntaxHint } from './syntax-hints.ts';
import { templateEngine, TemplateFailure, type TemplateEngine } from './template-engine.ts';
import { templateFilters } from './template-filters.ts';
import { unknownName } from './template-names.ts';
import type { TemplateRead } from './template-reads.ts';
import { templateParts } from './template-tokens.ts';

/** Stands for "undefined" in what comes out of the engine; no text of JSON holds it unescaped. */
const undefinedMark = '\u0000undefined';
/** Longest template. */
const mostTemplateCharacters = 200_000;
/** Templates kept ready. */
const mostKept = 2000;

/** Says what of a path is missing, with the nearest name. */
function missingReason(path: readonly string[], scope: JsonObject): string {
  const resolved = resolvePath(scope, path);
  if (resolved.found) return `${path.join('.')} is not defined`;
  const { depth, last } = resolved;
  const name = path[depth] ?? '';
  const owner = path.slice(0, depth).join('.');
  if (depth === 0) return `"${name}" is not defined${didYouMean(name, Object.keys(scope))}`;
  if (Array.isArray(last)) return `${owner} is a list of ${last.length} and has no "${name}"`;
  if (!isJsonObject(last))
    return `${owner} is ${last === null ? 'null' : `a ${typeof last}`} and has no "${name}"`;
  return `${owner} has no "${name}"${didYouMean(name, Object.keys(last))}`;
}

interface Prepared {
  readonly source: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly missing: readonly TemplateRead[];
}

/**
 * Puts variables in place of the paths that are there, so that the engine gets nothing but those values; in place of
 * others something that tells when it is evaluated.
 */
function prepare(
  template: string,
  from: number,
  to: number,
  reads: readonly TemplateRead[],
  scope: JsonObject,
): Prepared {
  const values: Record<string, unknown> = {};
  const missing: TemplateRead[] = [];
  let source = '';
  let at = from;
  for (const [index, read] of reads.entries()) {
    const resolved = resolvePath(scope, read.path);
    source += template.slice(at, read.start);
    if (resolved.found) {
      values[`value${index}__`] = resolved.value;
      source += `value${index}__`;
    } else if (read.guarded) source += 'undefined__';
    else {
      source += `(${missing.length}|missing__)`;
      missing.push(read);
    }
    at = read.end;
  }
  return { source: source + template.slice(at, to), values, missing };
}

class JinjaExpressions implements Expressions {
  readonly #engine: TemplateEngine;
  readonly #compiled = new LruCache<string, CompiledTemplate>(mostKept);

  constructor(engine: TemplateEngine) {
    this.#engine = engine;
  }

  evaluate(template: Json, scope: JsonObject): Json {
    if (typeof template === 'string') return this.#text(template, scope);
    if (Array.isArray(template))
      return (template as readonly Json[]).map((item) => this.evaluate(item, scope));
    if (!isJsonObject(template)) return template;
    return Object.fromEntries(
      Object.entries(template).map(([key, item]) => [
        key,
        item === undefined ? item : this.evaluate(item, scope),
      ]),
    );
  }

  render(template: string, scope: JsonObject): string {
    const compiled = this.#compile(template);
    if (compiled.kind === 'text') return template;
    const prepared = prepare(template, 0, template.length, compiled.reads, scope);
    return this.#render(template, prepared, scope);
  }

  condition(expression: string | boolean, scope: JsonObject): boolean {
    if (typeof expression === 'boolean') return expression;
    const template = asTemplate(expression);
    const compiled = this.#compile(template);
    if (compiled.kind === 'path') return isTrue(this.#path(template, compiled.reads[0], scope));
    if (compiled.kind !== 'whole')
      throw expressionFailure(
        template,
        'expected one expression, such as inputs.x > 3, without text around it',
      );
    const prepared = prepare(template, compiled.from, compiled.to, compiled.reads, scope);
    return (
      this.#render(template, { ...prepared, source: `{{ 1 if (${prepared.source}) else 0 }}` }, scope) === '1'
    );
  }

  references(template: Json): readonly (readonly string[])[] {
    if (typeof template === 'string') return this.#referencesOf(template);
    if (Array.isArray(template))
      return (template as readonly Json[]).flatMap((item) => this.references(item));
    if (!isJsonObject(template)) return [];
    return Object.values(template).flatMap((item) => (item === undefined ? [] : this.references(item)));
  }

  fault(template: Json): string | undefined {
    if (typeof template === 'string') return this.#faultOf(template);
    if (typeof template !== 'object' || template === null) return undefined;
    for (const item of Object.values(template)) {
      const found = item === undefined ? undefined : this.fault(item);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #referencesOf(text: string): readonly (readonly string[])[] {
    const compiled = compileTemplate(text);
    return compiled.kind === 'text' ? [] : compiled.reads.map((read) => read.path);
  }

  #faultOf(text: string): string | undefined {
    if (text.length > mostTemplateCharacters) return `longer than ${mostTemplateCharacters} characters`;
    const compiled = compileTemplate(text);
    if (compiled.kind === 'text' || compiled.kind === 'path') return undefined;
    const parts = templateParts(text);
    const statement = refusedStatement(parts);
    if (statement !== undefined) return `{% ${statement} %} is not available here`;
    try {
      // Parsed, but not evaluated.
      this.#engine.render(`{% if false %}${text}{% endif %}`, {});
      return unknownName(parts);
    } catch (error) {
      if (!(error instanceof TemplateFailure)) throw error;
      return `${error.message}${syntaxHint(error.message, text, parts)}`;
    }
  }

  #compile(text: string): CompiledTemplate {
    const known = this.#compiled.get(text);
    if (known !== undefined) return known;
    const fault = this.#faultOf(text);
    if (fault !== undefined) throw expressionFailure(text, fault);
    const compiled = compileTemplate(text);
    this.#compiled.set(text, compiled);
    return compiled;
  }

  #text(template: string, scope: JsonObject): Json {
    const compiled = this.#compile(template);
    if (compiled.kind === 'text') return template;
    if (compiled.kind === 'path') return this.#path(template, compiled.reads[0], scope);
    if (compiled.kind === 'mixed') return this.#mixed(template, compiled, scope);
    const prepared = prepare(template, compiled.from, compiled.to, compiled.reads, scope);
    const source = `{{ (${prepared.source})|default("\\u0000undefined")|tojson }}`;
    const value = parseExact(template, this.#render(template, { ...prepared, source }, scope));
    // JSON has no infinity and writes it as null.
    if (value === null) this.#assertNone(template, prepared, scope);
    if (value === undefinedMark)
      throw expressionFailure(template, 'gives nothing (undefined); give it an else, or default(…)');
    return value;
  }

  #assertNone(template: string, prepared: Prepared, scope: JsonObject): void {
    const source = `{{ (${prepared.source}) is none }}`;
    if (this.#render(template, { ...prepared, source }, scope) !== 'true')
      throw expressionFailure(template, 'is no finite number; is something divided by zero?');
  }

  #path(template: string, read: TemplateRead, scope: JsonObject): Json {
    const resolved = resolvePath(scope, read.path);
    if (resolved.found) return resolved.value;
    throw expressionFailure(template, missingReason(read.path, scope));
  }

  #mixed(template: string, compiled: CompiledTemplate & { kind: 'mixed' }, scope: JsonObject): string {
    const quick = compiled.pathsOnly?.map((piece) => {
      if (typeof piece === 'string') return piece;
      const value = this.#path(template, piece, scope);
      return typeof value === 'string'
        ? value
        : typeof value === 'number' && Number.isSafeInteger(value)
          ? value.toFixed(0)
          : undefined;
    });
    if (quick !== undefined && quick.every((piece) => piece !== undefined)) return quick.join('');
    return this.#render(template, prepare(template, 0, template.length, compiled.reads, scope), scope);
  }

  #render(template: string, prepared: Prepared, scope: JsonObject): string {
    const { source, values, missing } = prepared;
    const named = (indexes: readonly number[]): Error | undefined => {
      const read = indexes.map((index) => missing[index]).find((one) => one !== undefined);
      return read === undefined ? undefined : expressionFailure(template, missingReason(read.path, scope));
    };
    try {
      const rendered = this.#engine.render(source, values);
      const fault = named(rendered.missing);
      if (fault !== undefined) throw fault;
      return rendered.text;
    } catch (error) {
      if (!(error instanceof TemplateFailure)) throw error;
      throw named(error.missing) ?? expressionFailure(template, error.message, error);
    }
  }
}

/** Truth as Jinja has it: nothing that is empty or zero holds. */
function isTrue(value: Json): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

const exactInteger = /^-?\d+$/;

/** Parses JSON; a whole number that JavaScript cannot hold exactly is an error instead of another number. */
function parseExact(template: string, text: string): Json {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Json;
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    if (exactInteger.test(context?.source ?? ''))
      throw expressionFailure(
        template,
        `${context?.source} is too large to be kept exactly; make it a text with |string`,
      );
    return value;
  }) as Json;
}

/** Loads the engine of expressions. */
export async function createExpressions(): Promise<Expressions> {
  return new JinjaExpressions(await templateEngine(templateFilters));
}
