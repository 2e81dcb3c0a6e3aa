import { readHandover, textOf, type ChatMessage } from '../../../protocol/index.ts';
import type { ModelTool } from '../provider.ts';
import { escapePattern } from './escape-pattern.ts';

const transferTool = /^transfer_to_(.+)$/;

/** Words by which a person turns to somebody: "historian: …", "@historian …", "I want to talk to the historian". */
function turnsTo(label: string): readonly RegExp[] {
  const who = `(?:the\\s+)?${escapePattern(label).replaceAll(/(?:_|\\-|-)+/g, '[-_ ]')}(?![\\p{L}\\p{N}_])`;
  const polite = String.raw`(?:(?:please|can you|could you|i want(?: you)? to|i(?:'d| would) like to|let me)\s+)*`;
  return [
    `^\\s*(?:(?:please|hey|hi|hello)[\\s,]+)?@?${who}\\s*[:,]\\s*`,
    `^\\s*@${who}\\s*`,
    `^\\s*(?:please\\s+)?ask\\s+${who}[\\s:,]*(?:to\\s+)?`,
    `${polite}\\b(?:transfer|hand|pass|connect|switch|send|bring|put|forward|move|turn|talk|speak|chat|go)\\b(?:\\s+(?:me|us|this|that|it|over|on|back|directly|the conversation))*\\s+(?:to|with)\\s+${who}[\\s.!,:;]*(?:please\\b[.!\\s]*)?(?:and\\s+(?:then\\s+)?|about\\s+)?`,
  ].map((source) => new RegExp(source, 'iu'));
}

/** The tool that passes control on to whom the text turns to. Nothing less than being named moves a conversation. */
export function wantedTransfer(
  tools: readonly ModelTool[],
  text: string,
): { readonly tool: ModelTool; readonly label: string } | undefined {
  for (const tool of tools) {
    const label = transferTool.exec(tool.name)?.[1];
    if (label === undefined) continue;
    if (text.trim().toLowerCase().startsWith(tool.name) || turnsTo(label).some((one) => one.test(text)))
      return { tool, label };
  }
  return undefined;
}

/** The tools that do not pass control on. */
export function withoutTransfers(tools: readonly ModelTool[]): readonly ModelTool[] {
  return tools.filter((tool) => !transferTool.test(tool.name));
}

/** Who was given control for the message at this place, just now. */
export function givenControl(messages: readonly ChatMessage[], index: number): string | undefined {
  const before = messages[index - 1];
  if (before?.role !== 'assistant' || before.name === undefined) return undefined;
  return readHandover(textOf(before.content))?.to;
}

/** What is left of a message for whom it turned to; may be empty. */
export function withoutTurningTo(label: string, text: string): string {
  const bare = text.replace(new RegExp(`^\\s*transfer_to_${escapePattern(label)}\\b[\\s:,.]*`, 'i'), '');
  return turnsTo(label)
    .reduce((rest, one) => rest.replace(one, ' '), bare)
    .trim();
}
