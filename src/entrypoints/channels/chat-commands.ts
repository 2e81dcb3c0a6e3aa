import type { ChatCommand } from './channel-adapter.ts';

/** Commands that every channel understands. */
export const chatCommands = [
  { name: 'help', description: 'What I can do' },
  { name: 'new', description: 'Start a new conversation' },
  { name: 'stop', description: 'Stop the answer in progress' },
  { name: 'status', description: 'Who answers, and what is in progress' },
  { name: 'agent', description: 'Show or choose who answers here' },
  { name: 'model', description: 'Show or choose the language model' },
  { name: 'pair', description: 'Link this account with a code' },
] as const satisfies readonly ChatCommand[];

const alsoCalled = new Map<string, 'start' | 'new'>([
  ['start', 'start'],
  ['reset', 'new'],
]);

export type CommandName = (typeof chatCommands)[number]['name'] | 'start';

/** A command as somebody wrote it. */
export interface WrittenCommand {
  readonly name: CommandName;
  /** What stands behind it, without blanks around. */
  readonly argument: string;
}

/** The command that a text begins with; `undefined` for other text, unknown commands included. */
export function readCommand(text: string): WrittenCommand | undefined {
  const match = /^\/([a-z]+)(?:\s+([^]*))?$/i.exec(text.trim());
  const word = match?.[1]?.toLowerCase() ?? '';
  const name = alsoCalled.get(word) ?? chatCommands.find((command) => command.name === word)?.name;
  return name === undefined ? undefined : { name, argument: (match?.[2] ?? '').trim() };
}

/** Answers of commands. */
export const commandTexts = {
  start: 'Hello! Send me a message and I will answer. /help shows what else I understand.',
  help: [
    'Just write to me. I also understand:',
    '',
    ...chatCommands.map((command) => `- /${command.name} – ${command.description}`),
  ].join('\n'),
  new: 'A new conversation begins. I no longer look at what was said before.',
  nothingToStop: 'There is nothing to stop.',
  pairHere: 'Please send me the code in a direct message.',
  pairUsage: 'Please send the code too: `/pair 123456`.',
  paired: 'Done: you are paired. Just write to me.',
  notPaired: 'This code is not right, or no longer valid.',
  tooManyTries: 'Too many tries. Please wait a quarter of an hour.',
} as const;

/** What a stranger is told who may be paired. */
export function pairingPrompt(code: string): string {
  return [
    'I do not know you yet. Ask the operator to let you in, and give them this code:',
    '',
    `**${code}**`,
    '',
    'It is valid for 15 minutes.',
  ].join('\n');
}
