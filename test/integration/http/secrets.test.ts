import { expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { startFakeOpenAI } from '../../../src/testing/index.ts';

const key = 'sk-of-the-environment-0123456789';

it('a secret of the environment reaches the model server and nobody else', async () => {
  const upstream = await startFakeOpenAI();
  upstream.reply('hello');
  const app = await createMemoryApp({
    env: { MY_KEY: key },
    files: {
      'agents/keyed.yaml': `apiVersion: agent33/v1
kind: Agent
metadata: { name: keyed }
spec: { model: { provider: openai, name: fake-model, config: { base_url: "${upstream.url}/v1", api_key: "\${MY_KEY}" } } }
`,
      'agent33.yaml': `apiVersion: agent33/v1
kind: Project
metadata: { name: test }
spec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }
`,
    },
  });
  try {
    const answer = await app.request('POST', '/api/v1/chat', { message: 'hi', agent: 'keyed' });
    const { response, run_id: runId } = (await answer.json()) as { response: string; run_id: string };
    expect(response).toBe('hello');
    expect(upstream.chatRequests[0]?.headers['authorization']).toBe(`Bearer ${key}`);
    for (const address of [
      '/api/v1/agents/keyed',
      `/api/v1/runs/${runId}`,
      `/api/v1/runs/${runId}/steps`,
      '/health',
      '/metrics',
    ]) {
      const shown = await app.request('GET', address);
      expect(shown.status).toBe(200);
      expect(await shown.text()).not.toContain(key);
    }
    // A caller may not have the server read its environment for it.
    const theft = await app.request('POST', '/api/v1/agents', {
      apiVersion: 'agent33/v1',
      kind: 'Agent',
      metadata: { name: 'thief' },
      spec: {
        model: { provider: 'openai', config: { base_url: upstream.url, api_key: '${MY_KEY}' } },
      },
    });
    expect(theft.status).toBe(422);
  } finally {
    await app.stop();
    await upstream.stop();
  }
});
