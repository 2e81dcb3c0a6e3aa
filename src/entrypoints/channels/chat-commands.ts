import type { ChatCommand } from './channel-adapter.ts';

/** Commands that every channel understands. */
export const chatCommands = [
  { name: 'help', description: 'What I can do' },
  { name: 'new', description: 'Start a new conversation' },
  { name: 'stop', description: 'Stop the answer in progress' },
] as const satisfies readonly ChatCommand[];

export type CommandName = (typeof chatCommands)[number]['name'] | 'start';

/** The command that a text consists of or begins with; `undefined` for other text, unknown commands included. */
export function readCommand(text: string): CommandName | undefined {
  const name = /^\/([a-z]+)(?:\s|$)/i.exec(text)?.[1]?.toLowerCase();
  if (name === 'start') return name;
  return chatCommands.find((command) => command.name === name)?.name;
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
} as const;
