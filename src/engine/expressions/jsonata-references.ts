import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

interface SyntaxNode {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly SyntaxNode[];
}

type Parser = (expression: string) => { ast(): unknown };

/** JSONata is loaded when the first expression needs it: most projects have none. */
const parse: Parser = (expression) => (require('jsonata') as Parser)(expression);

function collect(node: unknown, found: (readonly string[])[]): void {
  if (Array.isArray(node)) {
    for (const one of node) collect(one, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const { type, steps } = node as SyntaxNode;
  if (type === 'path' && steps !== undefined) {
    const names = steps.map((step) =>
      step.type === 'name' && typeof step.value === 'string' ? step.value : undefined,
    );
    const end = names.indexOf(undefined);
    const path = (end === -1 ? names : names.slice(0, end)) as string[];
    if (path.length > 0) found.push(path);
  }
  for (const child of Object.values(node)) collect(child, found);
}

/** The literal paths that a JSONata expression reads, as far as they can be seen; none of one with a fault. */
export function jsonataReferences(expression: string): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  try {
    collect(parse(expression).ast(), found);
  } catch {
    return [];
  }
  return found;
}

/** The syntax error of a JSONata expression with its position, if any. */
export function jsonataFault(expression: string): string | undefined {
  try {
    parse(expression);
    return undefined;
  } catch (error) {
    const { message, position } = error as { message?: string; position?: number };
    const place = position === undefined ? '' : ` (at character ${position})`;
    return `${message ?? 'not an expression'}${place}`;
  }
}
