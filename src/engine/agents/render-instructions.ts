import { AppError, type JsonObject } from '../../base/index.ts';

const mostSteps = 100_000;

/** Fills `{{ … }}` of an agent's instructions; plain text needs no template engine. Error: `invalid_definition`. */
export async function renderInstructions(template: string, variables: JsonObject): Promise<string> {
  if (!template.includes('{{') && !template.includes('{%')) return template;
  const { Environment } = await import('minijinja-js');
  const environment = new Environment();
  try {
    environment.undefinedBehavior = 'strict';
    // A template may come over the API; one that loops without end stops here.
    environment.fuel = mostSteps;
    return environment.renderStr(template, variables);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new AppError(
      'invalid_definition',
      `the instructions cannot be rendered: ${reason}; are all variables given?`,
      { cause: error },
    );
  } finally {
    environment.free();
  }
}
