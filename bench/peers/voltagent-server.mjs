import { Agent, createTool, InMemoryStorageAdapter, Memory, VoltAgent } from '@voltagent/core';
import { honoServer } from '@voltagent/server-hono';
import { MockLanguageModelV3 } from 'ai/test';
import { createServer } from 'node:net';
import { z } from 'zod';

// VoltAgent's own HTTP server with the same instant turn as ours: two model calls and one tool, nothing journaled.
const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
};
const model = new MockLanguageModelV3({
  doGenerate: async ({ prompt }) => {
    model.doGenerateCalls.length = 0;
    const answered = prompt.at(-1)?.role === 'tool';
    return {
      content: answered
        ? [{ type: 'text', text: 'It is 18 degrees.' }]
        : [{ type: 'tool-call', toolCallId: 'c1', toolName: 'weather', input: '{"city":"Oslo"}' }],
      finishReason: { unified: answered ? 'stop' : 'tool-calls', raw: undefined },
      usage,
      warnings: [],
    };
  },
});
const weather = createTool({
  name: 'weather',
  description: 'Weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async () => '18 degrees',
});
const bench = new Agent({
  name: 'bench',
  instructions: 'Be short.',
  model,
  tools: [weather],
  memory: new Memory({ storage: new InMemoryStorageAdapter() }),
});
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
// The ready line below is all that may go to the standard output.
console.log = console.error;
const volt = new VoltAgent({
  agents: { bench },
  server: honoServer({ port, hostname: '127.0.0.1', enableSwaggerUI: false }),
});
const url = `http://127.0.0.1:${port}`;
for (;;) {
  const ready = await fetch(`${url}/agents`).then(
    (response) => response.ok,
    () => false,
  );
  if (ready) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
}
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ url })}\n`);
void volt;
