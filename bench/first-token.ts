import { createTestApp } from '../src/testing/create-test-app.ts';
import { startFakeOpenAI } from '../src/testing/index.ts';
import { median, type Figure } from './report.ts';

const calls = 200;

/** Time from the request to the first text of the stream, in ms. */
async function firstTokenMs(url: string, key: string, model: string): Promise<number> {
  const begun = performance.now();
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  });
  if (!response.ok || response.body === null)
    throw new Error(`${response.status} ${await response.text().catch(() => '')}`);
  let text = '';
  let ms = Number.NaN;
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (Number.isNaN(ms) && text.includes('Hello')) ms = performance.now() - begun;
  }
  return ms;
}

export async function measureFirstToken(): Promise<readonly Figure[]> {
  const upstream = await startFakeOpenAI();
  const app = await createTestApp({
    env: { OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: `${upstream.url}/v1` },
    files: {
      'agents/bench.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: bench }\nspec: { model: openai/fake-model }\n',
    },
  });
  const direct: number[] = [];
  const through: number[] = [];
  for (let call = -20; call < calls; call += 1) {
    upstream.reply({ chunks: ['Hello', ' there'] }, { chunks: ['Hello', ' there'] });
    const alone = await firstTokenMs(`${upstream.url}/v1`, 'sk-bench', 'fake-model');
    const ours = await firstTokenMs(`${app.url}/v1`, app.apiKey, 'bench');
    if (call < 0) continue;
    direct.push(alone);
    through.push(ours);
  }
  await app.stop();
  await upstream.stop();
  const added = median(through) - median(direct);
  return [
    {
      name: 'first token through `/v1/chat/completions`, added, p50, embedded',
      value: `${added.toFixed(1)} ms (${median(direct).toFixed(1)} → ${median(through).toFixed(1)})`,
      goal: '≤ 10 ms',
      met: added <= 10,
    },
  ];
}
