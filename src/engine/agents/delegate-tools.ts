import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { ToolResult } from '../../capabilities/tools/index.ts';
import { runFilesOf, type AgentOutput } from '../../protocol/index.ts';
import type { DurableTool } from './durable-tool.ts';
import type { ChildReport } from './run-child.ts';
import type { TargetCard } from './target-directory.ts';
import type { ToolNames } from './tool-names.ts';

const longestAnswer = 50_000;

const messageParameters: JsonObject = {
  type: 'object',
  properties: {
    message: {
      type: 'string',
      minLength: 1,
      description: 'The whole task with all that is needed for it: nothing else of the conversation is seen.',
    },
  },
  required: ['message'],
  additionalProperties: false,
};

/** Somebody to give work to, under the name that the model knows. */
export interface Delegate extends TargetCard {
  /** What the model calls it. */
  readonly label: string;
}

/** The text of a child's output: what an agent or a team says, else the JSON. */
export function textOfOutput(output: Json): string {
  if (typeof output === 'string') return output;
  if (isJsonObject(output) && typeof output['text'] === 'string') return output['text'];
  // Keys in a fixed order: the database keeps none, and the text must be the same on each execution.
  return canonicalJson(output);
}

/** What a model is told of a child's run. */
export function resultOfChild(label: string, report: ChildReport): ToolResult {
  if (report.status !== 'completed') {
    const reason =
      report.error === null ? `ended as ${report.status}` : `${report.error.code}: ${report.error.message}`;
    return ToolResult.fail(`"${label}" did not finish (${reason})`, report.error?.code ?? report.status);
  }
  const text = textOfOutput(report.output);
  const cut = text.length - longestAnswer;
  const { citations } = (isJsonObject(report.output) ? report.output : {}) as Partial<AgentOutput>;
  const answer = cut > 0 ? `${text.slice(0, longestAnswer)}\n[cut: ${cut} more characters]` : text;
  const files = runFilesOf(isJsonObject(report.output) ? report.output['files'] : undefined);
  return ToolResult.ok(answer, {
    ...(Array.isArray(citations) && citations.length > 0 ? { citations } : {}),
    ...(files.length > 0 ? { files } : {}),
  });
}

/** A tool for each of those that work can be given to; a call runs it as a child. */
export function createDelegateTools<D extends Delegate>(
  delegates: readonly D[],
  names: ToolNames,
  run: (delegate: D, input: Json, key: string) => Promise<ChildReport>,
): readonly DurableTool[] {
  return delegates.map((delegate) => {
    const { kind, label, description, parameters } = delegate;
    const verb = parameters === null ? 'ask' : 'run';
    const about = description === '' ? '' : `: ${description}`;
    return {
      takesPlace: true,
      tool: {
        name: names.take(`${verb}_${label}`, `${verb}_${kind}_${label}`),
        description:
          parameters === null
            ? `Gives a task to the ${kind} "${label}" and returns its answer${about}`
            : `Runs the workflow "${label}" and returns its output${about}`,
        parameters: parameters ?? messageParameters,
        ...(parameters === null ? { examples: [`Ask ${label} to …`] } : {}),
      },
      execute: async (call, key) => resultOfChild(label, await run(delegate, call.arguments, key)),
    };
  });
}
