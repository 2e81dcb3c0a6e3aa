import { describe, expect, it } from 'vitest';
import { AppError, systemClock, type JsonObject } from '../../../base/index.ts';
import {
  buildConfiguredProvider,
  buildResolvedProvider,
  configurableKind,
  type ProviderParts,
} from './configured-provider.ts';
import { configurableKinds, connectedKinds, howToConnect, type ProviderKind } from './provider-kinds.ts';

const { signal } = new AbortController();
const messages = [{ role: 'user' as const, content: 'Hello' }];

interface Sent {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Parts whose calls are all refused, and remembered. */
function recording(environment: Record<string, string> = {}): { parts: ProviderParts; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const text = await request.text();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    sent.push({ url: request.url, headers: request.headers, body });
    return Response.json({ error: { message: 'no' } }, { status: 400 });
  };
  const defaults = { openai: {}, anthropic: {}, ollama: { baseUrl: 'http://localhost:11434' } };
  return { sent, parts: { fetch, clock: systemClock, timeoutMs: 5000, environment, defaults } };
}

async function firstCall(
  kind: ProviderKind,
  settings: Record<string, unknown>,
  environment: Record<string, string> = {},
): Promise<Sent> {
  const { parts, sent } = recording(environment);
  const provider = buildConfiguredProvider(kind, settings, parts);
  await provider.complete({ model: 'some/model', messages }, { signal }).catch(() => {});
  const [call] = sent;
  if (call === undefined) throw new TypeError('nothing was sent');
  return call;
}

const variables = {
  groq: 'GROQ_API_KEY',
  mistral: 'MISTRAL_API_KEY',
  together: 'TOGETHER_API_KEY',
  openrouter: 'OPENROUTER_API_KEY',
  deepseek: 'DEEPSEEK_API_KEY',
  xai: 'XAI_API_KEY',
  cohere: 'COHERE_API_KEY',
  jina: 'JINA_API_KEY',
} as const;

describe('a service that is only named', () => {
  it.each([
    ['groq', 'https://api.groq.com/openai/v1/chat/completions'],
    ['mistral', 'https://api.mistral.ai/v1/chat/completions'],
    ['together', 'https://api.together.xyz/v1/chat/completions'],
    ['openrouter', 'https://openrouter.ai/api/v1/chat/completions'],
    ['deepseek', 'https://api.deepseek.com/v1/chat/completions'],
    ['xai', 'https://api.x.ai/v1/chat/completions'],
    ['cohere', 'https://api.cohere.ai/compatibility/v1/chat/completions'],
    ['jina', 'https://api.jina.ai/v1/chat/completions'],
  ] as const)('%s is called at %s with the key of the environment', async (kind, url) => {
    const call = await firstCall(kind, {}, { [variables[kind]]: 'key-of-the-environment' });
    expect(call.url).toBe(url);
    expect(call.headers.get('authorization')).toBe('Bearer key-of-the-environment');
    expect(call.body['model']).toBe('some/model');
  });

  it('is Google with its own header', async () => {
    const call = await firstCall('google', {}, { GEMINI_API_KEY: 'key-g' });
    expect(call.url).toBe('https://generativelanguage.googleapis.com/v1beta/some/model:generateContent');
    expect(call.headers.get('x-goog-api-key')).toBe('key-g');
  });

  it('is Bedrock with a bearer key or a signature', async () => {
    const key = await firstCall(
      'bedrock',
      {},
      { AWS_REGION: 'eu-central-1', AWS_BEARER_TOKEN_BEDROCK: 'key-b' },
    );
    expect(key.url).toBe('https://bedrock-runtime.eu-central-1.amazonaws.com/model/some%2Fmodel/converse');
    expect(key.headers.get('authorization')).toBe('Bearer key-b');
    const signed = await firstCall('bedrock', {
      region: 'us-east-1',
      aws_access_key_id: 'AKIDEXAMPLE',
      aws_secret_access_key: 'secret-of-it',
    });
    expect(signed.headers.get('authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/bedrock\/aws4_request, SignedHeaders=.*Signature=[0-9a-f]{64}$/,
    );
    expect(JSON.stringify([...signed.headers])).not.toContain('secret-of-it');
  });

  it.each([
    [
      'https://acme.openai.azure.com',
      'https://acme.openai.azure.com/openai/deployments/some%2Fmodel/chat/completions?api-version=2024-10-21',
    ],
    [
      'https://acme.openai.azure.com/openai/',
      'https://acme.openai.azure.com/openai/deployments/some%2Fmodel/chat/completions?api-version=2024-10-21',
    ],
    ['https://acme.openai.azure.com/openai/v1/', 'https://acme.openai.azure.com/openai/v1/chat/completions'],
    [
      'https://acme.openai.azure.com/openai/deployments/mine?api-version=2025-01-01',
      'https://acme.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2025-01-01',
    ],
  ])('is Azure at %s', async (endpoint, url) => {
    const environment = { AZURE_OPENAI_API_KEY: 'key-a', AZURE_OPENAI_ENDPOINT: endpoint };
    const call = await firstCall('azure', {}, environment);
    expect(call.url).toBe(url);
    expect(call.headers.get('api-key')).toBe('key-a');
    expect(call.headers.has('authorization')).toBe(false);
    const dated = await firstCall('azure', {
      base_url: 'https://a.example',
      api_key: 'k',
      api_version: '2025-04-01-preview',
    });
    expect(dated.url).toContain('?api-version=2025-04-01-preview');
  });
});

describe('a key of the environment', () => {
  it.each([...Object.entries(variables), ['google', 'GEMINI_API_KEY'] as const])(
    'never goes to an address of the settings: %s',
    (kind, variable) => {
      const { parts } = recording({ [variable]: 'key-of-the-environment' });
      const build = () =>
        buildConfiguredProvider(kind as ProviderKind, { base_url: 'https://elsewhere.example' }, parts);
      expect(build).toThrow(/its own api_key/);
    },
  );

  it('never goes to an address of the settings: Azure, Bedrock, vLLM', async () => {
    const environment = {
      AZURE_OPENAI_API_KEY: 'key-x',
      AWS_BEARER_TOKEN_BEDROCK: 'key-x',
      AWS_REGION: 'eu-central-1',
      VLLM_API_KEY: 'key-x',
    };
    const { parts } = recording(environment);
    const elsewhere = { base_url: 'https://elsewhere.example' };
    expect(() => buildConfiguredProvider('azure', elsewhere, parts)).toThrow(/its own api_key/);
    expect(() => buildConfiguredProvider('bedrock', elsewhere, parts)).toThrow(AppError);
    const call = await firstCall('vllm', elsewhere, environment);
    expect(call.headers.has('authorization')).toBe(false);
  });

  it('connects its service, and is named where it is missing', () => {
    const environment = {
      GROQ_API_KEY: 'k',
      CO_API_KEY: 'k',
      AZURE_OPENAI_API_KEY: 'k',
      AWS_ACCESS_KEY_ID: 'k',
    };
    // Azure has no address, Bedrock no region.
    expect(connectedKinds(environment)).toEqual(['cohere', 'groq']);
    expect(connectedKinds({ VLLM_BASE_URL: 'http://gpu:8000/v1' })).toEqual(['vllm']);
    const { parts } = recording();
    expect(() => buildConfiguredProvider('groq', {}, parts)).toThrow(/set GROQ_API_KEY/);
    for (const kind of configurableKinds) expect(howToConnect(kind), kind).toMatch(/\.$/);
  });
});

describe('bytes of clients', () => {
  const settings: Partial<Record<ProviderKind, Record<string, string>>> = {
    azure: { base_url: 'https://acme.openai.azure.com' },
    vllm: { base_url: 'https://gpu.example/v1' },
    lmstudio: { base_url: 'https://desk.example/v1' },
    'openai-compatible': { base_url: 'https://own.example/v1' },
  };

  it.each([
    'openai',
    'azure',
    'anthropic',
    'mistral',
    'groq',
    'together',
    'openrouter',
    'deepseek',
    'xai',
    'cohere',
    'jina',
    'vllm',
    'lmstudio',
    'openai-compatible',
  ] as const)('go on as they are to %s', async (kind) => {
    const { parts } = recording();
    const passed: string[] = [];
    const provider = buildConfiguredProvider(
      kind,
      { api_key: 'k', base_url: 'https://service.example/v1', ...settings[kind] },
      {
        ...parts,
        pass: (request) => {
          passed.push(Buffer.from(request.body ?? '').toString());
          return Promise.reject(new TypeError('no way out'));
        },
      },
    );
    const shape = kind === 'anthropic' ? 'anthropic-messages' : 'openai-chat';
    expect(provider.wireShapes).toContain(shape);
    const body = Buffer.from('{"model": "chat",  "temperature": 1.0, "n": 2, "messages": []}');
    const json = JSON.parse(body.toString()) as JsonObject;
    await provider
      .forward?.(
        { wire: { shape, body, json }, model: 'own-1', stream: false, params: {}, overrides: {} },
        { signal },
      )
      .catch(() => {});
    expect(passed).toEqual(['{"model": "own-1",  "temperature": 1.0, "n": 2, "messages": []}']);
  });
});

describe('settings whose references are resolved', () => {
  it('are not searched for references again', async () => {
    const { parts, sent } = recording({ HOME: '/root' });
    const settings = { base_url: 'https://own.example/v1', api_key: 'pass${HOME}${GONE}word' };
    const provider = buildResolvedProvider('openai-compatible', settings, parts);
    await provider.complete({ model: 'some/model', messages }, { signal }).catch(() => {});
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer pass${HOME}${GONE}word');
  });
});

describe('names of other programs', () => {
  it.each([
    ['gemini', 'google'],
    ['together_ai', 'together'],
    ['hosted_vllm', 'vllm'],
    ['ollama_chat', 'ollama'],
    ['nonsense', undefined],
  ])('%s is %s', (name, kind) => {
    expect(configurableKind(name)).toBe(kind);
  });
});
