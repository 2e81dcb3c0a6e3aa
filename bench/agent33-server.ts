import { createTestApp } from '../src/testing/create-test-app.ts';
import { FakeModel } from '../src/testing/index.ts';
import { defineTool, ToolResult } from '../src/capabilities/tools/index.ts';
import { z } from 'zod';

// A whole server with an instant model: a turn is two model calls and one tool.
const weather = defineTool({
  name: 'weather',
  description: 'Weather of a city',
  parameters: z.strictObject({ city: z.string() }),
  effect: 'none',
  execute: () => Promise.resolve(ToolResult.ok('18 degrees')),
});
const model = new FakeModel({
  name: 'fake',
  models: ['model'],
  turns: [
    ({ messages }) => {
      model.calls.length = 0;
      return messages.at(-1)?.role === 'tool'
        ? 'It is 18 degrees.'
        : { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] };
    },
  ],
  afterLast: 'repeat-last',
});
const app = await createTestApp({
  fakeModel: model,
  env: Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ),
  files: {
    'agents/bench.yaml':
      'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: bench }\nspec: { instructions: Be short., tools: [weather] }\n',
  },
  app: { tools: [weather] },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: app.url, apiKey: app.apiKey })}\n`);
