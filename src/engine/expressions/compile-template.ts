import { templateParts, type TemplatePart } from './template-tokens.ts';
import { templateReads, type TemplateRead } from './template-reads.ts';

/** A text made ready for evaluation. */
export type CompiledTemplate =
  | { readonly kind: 'text' }
  /** Exactly one `{{ path }}`. */
  | { readonly kind: 'path'; readonly reads: readonly [TemplateRead] }
  /** Exactly one `{{ … }}`: keeps its type. `from` and `to` enclose the expression. */
  | {
      readonly kind: 'whole';
      readonly reads: readonly TemplateRead[];
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly kind: 'mixed';
      readonly reads: readonly TemplateRead[];
      readonly pathsOnly: readonly Piece[] | undefined;
    };

/** Plain text, or a path whose value stands there. */
export type Piece = string | TemplateRead;

/** Statements that would reach other templates; there are none. */
const refused = new Set(['include', 'import', 'from', 'extends', 'block']);

/** A statement that is not allowed, if the text has one. */
export function refusedStatement(parts: readonly TemplatePart[]): string | undefined {
  for (const part of parts) {
    const word = part.tokens[0]?.value ?? '';
    if (part.kind === 'statement' && refused.has(word)) return word;
  }
  return undefined;
}

/** Takes a text apart. Says nothing about its syntax. */
export function compileTemplate(text: string): CompiledTemplate {
  if (!text.includes('{{') && !text.includes('{%') && !text.includes('{#')) return { kind: 'text' };
  const parts = templateParts(text);
  const reads = templateReads(text, parts);
  const [only] = parts.filter((part) => part.kind !== 'text');
  const around = parts
    .filter((part) => part.kind === 'text')
    .every((part) => text.slice(part.start, part.end).trim() === '');
  const whole =
    around &&
    only?.kind === 'variable' &&
    only.closed &&
    only.tokens.length > 0 &&
    parts.filter((part) => part.kind !== 'text').length === 1 &&
    text.slice(0, only.start).trim() === '' &&
    text.slice(only.end).trim() === '';
  const isPath = (from: number, to: number): TemplateRead | undefined =>
    reads.find((read) => read.start === from && read.end === to && !read.computed);
  if (whole) {
    const from = only.tokens[0]?.start ?? 0;
    const to = only.tokens.at(-1)?.end ?? 0;
    const read = isPath(from, to);
    return read === undefined ? { kind: 'whole', reads, from, to } : { kind: 'path', reads: [read] };
  }
  const trims = /\{\{[-+]|[-+]\}\}|\{#/.test(text);
  const pieces: Piece[] = [];
  for (const part of parts) {
    if (part.kind === 'text') {
      pieces.push(text.slice(part.start, part.end));
      continue;
    }
    const read =
      part.kind === 'variable' && part.closed
        ? isPath(part.tokens[0]?.start ?? -1, part.tokens.at(-1)?.end ?? -1)
        : undefined;
    if (read === undefined || trims) return { kind: 'mixed', reads, pathsOnly: undefined };
    pieces.push(read);
  }
  // Jinja drops one line break at the end of a template.
  return { kind: 'mixed', reads, pathsOnly: text.endsWith('\n') ? undefined : pieces };
}
