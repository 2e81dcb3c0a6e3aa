import { AppError, type JsonObject } from '../../base/index.ts';
import { createExpressions } from './create-expressions.ts';

/**
 * Fills the `{{ … }}` of a text, such as an agent's instructions; plain text needs no template engine. What comes out is
 * text, whatever it is made of. Error: `invalid_definition`.
 */
export async function renderTemplate(template: string, variables: JsonObject): Promise<string> {
  if (!template.includes('{{') && !template.includes('{%') && !template.includes('{#')) return template;
  const expressions = await createExpressions();
  try {
    return expressions.render(template, variables);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(
      'invalid_definition',
      `the text cannot be rendered: ${error.message}; are all variables given?`,
      { cause: error },
    );
  }
}
