import { toAppError, type Json } from '../../../base/index.ts';
import type { DefinitionCheck, DefinitionFault } from '../../../engine/definitions/index.ts';
import { asTemplate, type Expressions } from '../../../engine/expressions/index.ts';
import { compileField, isTemplate } from './compile-field.ts';
import { signatureFault } from './verify-signature.ts';

/** Finds paths and templates of webhook channels that cannot be read, and secrets that cannot be used. */
export function createWebhookCheck({ expressions }: { readonly expressions: Expressions }): DefinitionCheck {
  return (definition) => {
    if (definition.kind !== 'Channel' || definition.spec.platform !== 'webhook') return [];
    const { message, when, inputs, publish, reply, signature } = definition.spec;
    const { require: _required, ...fields } = message;
    const faults: DefinitionFault[] = [];
    const note = (path: readonly PropertyKey[], text: string | undefined): void => {
      if (text !== undefined) faults.push({ path: ['spec', ...path], message: text });
    };
    const field = (path: readonly PropertyKey[], expression: string | undefined): void => {
      if (expression === undefined) return;
      if (isTemplate(expression)) note(path, expressions.fault(expression));
      else note(path, pathFault(expression, expressions));
    };
    for (const [name, expression] of Object.entries(fields)) field(['message', name], expression);
    field(['reply', 'urlFrom'], reply?.urlFrom);
    if (when !== undefined) note(['when'], expressions.fault(asTemplate(when)));
    if (inputs !== undefined) note(['inputs'], expressions.fault(inputs as Json));
    if (publish !== undefined) note(['publish'], expressions.fault(publish));
    note(['signature', 'secret'], signatureFault(signature));
    return faults;
  };
}

function pathFault(expression: string, expressions: Expressions): string | undefined {
  try {
    compileField(expression, () => expressions);
    return undefined;
  } catch (error) {
    return toAppError(error).message;
  }
}
