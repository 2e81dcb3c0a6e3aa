export * from './chat.ts';
export * from './definitions/index.ts';
export * from './message.ts';
export * from './openai-messages.ts';
export * from './run.ts';
export * from './scope.ts';
