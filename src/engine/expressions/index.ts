export { createExpressions } from './create-expressions.ts';
export { asTemplate, type Expressions } from './expressions.ts';
export { createJsonata, type Jsonata, type JsonataDeps, type JsonataOptions } from './create-jsonata.ts';
export { jsonataFault, jsonataReferences } from './jsonata-references.ts';
export { renderTemplate } from './render-template.ts';
export { compileTemplate, type CompiledTemplate } from './compile-template.ts';
export type { TemplateRead } from './template-reads.ts';
