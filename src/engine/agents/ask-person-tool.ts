import { canonicalJson, type JsonObject } from '../../base/index.ts';
import { ToolResult } from '../../capabilities/tools/index.ts';
import type { ApprovalOutcome, ApprovalSpec } from '../../protocol/index.ts';
import type { RunContext } from '../runs/index.ts';
import type { DurableTool } from './durable-tool.ts';
import { quotedText } from './quoted-text.ts';

const parameters: JsonObject = {
  type: 'object',
  properties: {
    question: {
      type: 'string',
      minLength: 1,
      maxLength: 2000,
      description: 'One clear question; the person sees nothing of the conversation.',
    },
    choices: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 200 },
      minItems: 1,
      maxItems: 20,
      uniqueItems: true,
      description: 'The possible answers, when only these make sense.',
    },
    details: { type: 'string', maxLength: 10_000, description: 'What the person has to know to answer.' },
  },
  required: ['question'],
  additionalProperties: false,
};

interface Question {
  readonly question: string;
  readonly choices?: readonly string[];
  readonly details?: string;
}

const unanswered = 'nobody answered before the deadline; go on without an answer, or say that you need one';

function resultOf({ status, answer, comment, decidedBy }: ApprovalOutcome): ToolResult {
  const remark = comment === null ? '' : `\nRemark: ${comment}`;
  const who = decidedBy ?? 'the default of a passed deadline';
  if (status === 'answered')
    return ToolResult.ok(
      `${who} answered: ${typeof answer === 'string' ? answer : canonicalJson(answer)}${remark}`,
    );
  if (status === 'approved') return ToolResult.ok(`${who} agreed${remark}`);
  if (status === 'rejected' && decidedBy !== null)
    return ToolResult.fail(`${who} does not want to answer${remark}`, 'approval_rejected');
  return ToolResult.fail(unanswered, status === 'rejected' ? 'approval_rejected' : 'approval_expired');
}

/** Lets a model ask a person and wait for the answer, for days if need be. */
export function createAskPersonTool(
  context: Pick<RunContext, 'approve'>,
  options: { readonly name: string; readonly asker: string; readonly rules: ApprovalSpec },
): DurableTool {
  const { name, asker, rules } = options;
  return {
    takesPlace: false,
    tool: {
      name,
      description:
        'Asks a person and waits for the answer. Only for what you cannot find out yourself, or what a person has to decide.',
      parameters,
    },
    async execute(call, key) {
      const asked = call.arguments as unknown as Question;
      const message = [
        rules.message ?? `${asker} asks, in its own words:`,
        quotedText(asked.question),
        ...(asked.details === undefined ? [] : ['It adds:', quotedText(asked.details)]),
      ].join('\n');
      const outcome = await context.approve(key, {
        kind: 'question',
        title: rules.title ?? `${asker} asks a question`,
        message,
        subject: { action: name, arguments: call.arguments },
        answerSchema: {
          type: 'string',
          ...(asked.choices === undefined ? { minLength: 1 } : { enum: asked.choices }),
        },
        rules,
      });
      return resultOf(outcome);
    },
  };
}
