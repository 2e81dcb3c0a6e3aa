import { AppError, didYouMean, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { schemaFaults } from '../../capabilities/tools/index.ts';
import type { WorkflowDefinition } from '../../protocol/index.ts';
import { applyDefaults, inputsSchema } from './ports-schema.ts';

/** The inputs of a run with the defaults in place. Error: `invalid_request`, naming the field. */
export function acceptInputs(definition: WorkflowDefinition, given: Json): JsonObject {
  if (given !== null && !isJsonObject(given))
    throw new AppError('invalid_request', 'inputs: expected an object with the inputs by name');
  const schema = inputsSchema(definition.spec);
  const inputs = applyDefaults(schema, given ?? {});
  const faults = schemaFaults(schema, inputs);
  if (faults.length === 0) return inputs;
  const issues = faults.map((fault) => {
    const at = fault.indexOf(': ');
    const field = fault.slice(0, at);
    const path = field === 'value' ? 'inputs' : `inputs.${field}`;
    const unknown = field === 'value' ? /^has the unknown field "(.*)"$/.exec(fault.slice(at + 2)) : null;
    const hint = unknown === null ? '' : didYouMean(unknown[1] ?? '', Object.keys(definition.spec.inputs));
    return { path, message: fault.slice(at + 2) + hint };
  });
  const words = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new AppError('invalid_request', words, { details: { issues } });
}
