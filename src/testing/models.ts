export { startFakeAnthropic } from './fake-anthropic-server.ts';
export { startFakeBedrock } from './fake-bedrock-server.ts';
export { startFakeGoogle } from './fake-google-server.ts';
export { FakeModel, type FakeModelOptions } from './fake-model.ts';
export type { FakeModelServer, ModelServerFault, RecordedModelRequest } from './fake-model-server.ts';
export { startFakeOllama } from './fake-ollama-server.ts';
export { startFakeOpenAI } from './fake-openai-server.ts';
export type { FakeToolCall, FakeTurn, FakeTurnSource } from './fake-turn.ts';
