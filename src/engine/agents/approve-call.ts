import { ToolResult, schemaFaults, type Tool } from '../../capabilities/tools/index.ts';
import type { ApprovalOutcome, ApprovalSpec, ToolCall } from '../../protocol/index.ts';
import type { RunContext } from '../runs/index.ts';

function refusal(outcome: ApprovalOutcome): ToolResult {
  const reason = outcome.comment === null ? '' : `: ${outcome.comment}`;
  if (outcome.status === 'expired')
    return ToolResult.fail(
      'the call was not made: nobody decided about it before the deadline',
      'approval_expired',
    );
  return ToolResult.fail(
    `the call was not made: rejected by ${outcome.decidedBy ?? 'the default of a passed deadline'}${reason}`,
    'approval_rejected',
  );
}

/**
 * Asks a person whether a call may be made, with the exact arguments. `undefined`: it may; else what the model is told.
 * The words around the arguments are the platform's and the definition's, never the model's.
 */
export async function approveCall(
  context: Pick<RunContext, 'approve'>,
  asked: {
    readonly asker: string;
    readonly tool: Tool;
    readonly call: ToolCall;
    readonly key: string;
    readonly rules: ApprovalSpec;
  },
): Promise<ToolResult | undefined> {
  const { asker, tool, call, key, rules } = asked;
  // Nobody is bothered with a call that could not be made anyway.
  const faults = schemaFaults(tool.parameters, call.arguments);
  if (faults.length > 0)
    return ToolResult.fail(`the arguments do not fit: ${faults.join('; ')}`, 'invalid_request');
  const ours = `${asker} wants to call the tool "${tool.name}"`;
  const outcome = await context.approve(`approve:${key}`, {
    kind: 'approval',
    title: rules.title ?? ours,
    message: [...(rules.title === undefined ? [] : [`${ours}.`]), ...(rules.message ?? '').split('\n')]
      .join('\n')
      .trim(),
    subject: { action: tool.name, arguments: call.arguments },
    answerSchema: null,
    rules,
  });
  return outcome.status === 'approved' ? undefined : refusal(outcome);
}
