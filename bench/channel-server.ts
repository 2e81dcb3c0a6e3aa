import { createTestApp } from '../src/testing/create-test-app.ts';
import { FakeModel } from '../src/testing/fake-model.ts';

// A whole server whose model says at once what the person said. `BENCH_FILES`: the project's channels, as JSON.
const { BENCH_FILES: files = '{}', ...settings } = process.env;
const model = new FakeModel({
  name: 'fake',
  models: ['model'],
  turns: [
    ({ messages }) => {
      model.calls.length = 0;
      const { content = '' } = messages.findLast(({ role }) => role === 'user') ?? {};
      return `you said ${typeof content === 'string' ? content : JSON.stringify(content)}`;
    },
  ],
  afterLast: 'repeat-last',
});
const app = await createTestApp({
  fakeModel: model,
  env: {
    EGRESS_ALLOW_PRIVATE: '127.0.0.1',
    ...Object.fromEntries(
      Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  },
  files: {
    'agents/bench.yaml': 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: bench }\nspec: {}\n',
    ...(JSON.parse(files) as Record<string, string>),
  },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: app.url, apiKey: app.apiKey })}\n`);
