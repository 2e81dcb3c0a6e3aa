import { AppError, type Json, type JsonObject } from '../../base/index.ts';
import { schemaFaults } from '../../capabilities/tools/index.ts';
import type { Execution } from './execution.ts';
import { outputReads } from './program.ts';
import { writesAfter, type Frame } from './run-values.ts';

/** What the last steps came to: one's output, or of several that were done the outputs by id. */
function outputOfLast(frame: Frame): Json {
  const done = frame.body.last.flatMap((place): [string, Json][] => {
    const state = frame.results[place]?.state;
    const id = frame.body.nodes[place]?.step.id ?? '';
    return state?.status === 'completed' ? [[id, state.output]] : [];
  });
  const [first] = done;
  if (first === undefined) return null;
  return done.length === 1 ? first[1] : Object.fromEntries(done);
}

/**
 * The output of a run: what `outputs` says; else what emit_output steps gave; else that of the last steps. Errors:
 * `expression_failed`, `output_invalid`, `limit_exceeded`.
 */
export function workflowOutput(execution: Execution, frame: Frame): Json {
  const { definition } = execution.program;
  const { outputs, outputSchema } = definition.spec;
  const { expressions } = execution.deps;
  let output: Json;
  if (outputs !== undefined) {
    const reads = outputReads(definition, expressions);
    output = expressions.evaluate(
      outputs as JsonObject,
      execution.scope(frame, reads, writesAfter(frame), {}),
    );
  } else output = execution.emitted.isEmpty ? outputOfLast(frame) : execution.emitted.object;
  if (outputSchema === undefined) return output;
  const faults = schemaFaults(outputSchema as JsonObject, output);
  if (faults.length === 0) return output;
  throw new AppError('output_invalid', `the output does not fit output_schema: ${faults.join('; ')}`, {
    retryable: false,
    details: { faults },
  });
}

/** The output in words, for a chat or a terminal. */
export function textOfOutput(output: Json): string {
  if (output === null) return '';
  if (typeof output === 'string') return output;
  if (typeof output !== 'object') return String(output);
  const texts = Object.values(output);
  const [only] = texts;
  if (!Array.isArray(output) && texts.length === 1 && typeof only === 'string') return only;
  const { text } = output as JsonObject;
  return typeof text === 'string' ? text : JSON.stringify(output, null, 2);
}
