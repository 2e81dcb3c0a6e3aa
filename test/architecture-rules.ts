import path from 'node:path';

/** Layers from the bottom up: a layer imports itself and those before it. The client stands alone. */
const layers = [
  'client',
  'base',
  'protocol',
  'platform',
  'capabilities',
  'engine',
  'entrypoints',
  'app',
  'cli',
  'testing',
];

/** Modules of the layers that have them, each with the siblings it may import. */
const modules: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  platform: {
    config: [],
    observability: ['config'],
    storage: ['config', 'observability'],
    queue: ['storage', 'config', 'observability'],
    bus: ['storage', 'config', 'observability', 'redis'],
    blobs: ['storage', 'config'],
    redis: ['config', 'observability'],
    security: ['storage', 'config', 'observability'],
    secrets: ['storage', 'security', 'http-client'],
    'http-client': ['security', 'storage', 'config', 'observability'],
  },
  capabilities: {
    accounting: [],
    files: [],
    models: ['accounting'],
    memory: ['models'],
    integrations: [],
    tools: ['files', 'memory', 'integrations'],
  },
  engine: {
    definitions: [],
    expressions: [],
    runs: [],
    agents: ['definitions', 'expressions', 'runs'],
    teams: ['definitions', 'runs', 'agents'],
    workflows: ['definitions', 'expressions', 'runs'],
    routing: ['definitions', 'runs', 'agents', 'teams', 'workflows'],
    automation: ['definitions', 'expressions', 'runs'],
  },
  entrypoints: { http: [], channels: [], streams: ['channels'], webhooks: [], grpc: [], mcp: [] },
};

/** Heavy or dangerous packages and the only folders that may import them. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@electric-sql/pglite': ['src/platform/storage/', 'scripts/'],
  '@electric-sql/pglite-pgvector': ['src/platform/storage/'],
  pg: ['src/platform/storage/'],
  'pg-boss': ['src/platform/queue/', 'src/platform/storage/storage.ts', 'src/platform/storage/'],
  tar: ['src/platform/storage/'],
  undici: ['src/platform/http-client/'],
  pino: ['src/platform/observability/'],
  '@opentelemetry/api': ['src/platform/observability/tracing/'],
  '@opentelemetry/sdk-trace': ['src/platform/observability/tracing/'],
  '@opentelemetry/resources': ['src/platform/observability/tracing/'],
  '@opentelemetry/exporter-trace-otlp-http': ['src/platform/observability/tracing/'],
  jose: ['src/platform/security/'],
  fastify: ['src/entrypoints/http/', 'src/entrypoints/channels/', 'src/app/'],
  commander: ['src/cli/'],
  croner: ['src/engine/automation/'],
  jsonata: ['src/engine/expressions/'],
  'minijinja-js': ['src/engine/expressions/'],
  '@ai-sdk/openai-compatible': ['src/capabilities/models/', 'src/client/'],
  '@ai-sdk/anthropic': ['src/capabilities/models/'],
  '@ai-sdk/google': ['src/capabilities/models/'],
  '@ai-sdk/amazon-bedrock': ['src/capabilities/models/'],
  ioredis: ['src/platform/redis/'],
  '@nats-io/transport-node': ['src/platform/bus/nats/'],
  '@nats-io/jetstream': ['src/platform/bus/nats/'],
  amqplib: ['src/platform/bus/amqp/'],
  re2js: ['src/capabilities/models/', 'src/engine/routing/'],
};

const topFiles = new Set(['src/index.ts']);

interface Place {
  readonly layer: string;
  readonly module: string | undefined;
}

/** Layer and module of a file under `src`, or the reason why it has none. */
function placeOf(file: string): Place | string {
  const [root, layer = '', second = ''] = file.split('/');
  if (root !== 'src') return `${file}: leaves src`;
  if (!layers.includes(layer))
    return `${file}: "${layer}" is no layer; see the table in docs/architecture.md`;
  const known = modules[layer];
  if (known === undefined) return { layer, module: undefined };
  if (!(second in known)) return `${file}: "${layer}/${second}" is no module of that layer`;
  return { layer, module: second };
}

/** Specifiers of static imports, re-exports, type imports and literal dynamic imports. */
function specifiers(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const found = code.matchAll(
    /(?:^|[\s;}])(?:import|export)\b[^'"`;()=]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** Faults of one source file against the rules of the house, each naming file, rule and what is allowed instead. */
export function violations(file: string, source: string): string[] {
  if (topFiles.has(file)) return [];
  const from = placeOf(file);
  if (typeof from === 'string') return [from];
  const isTest = file.endsWith('.test.ts');
  const faults: string[] = [];
  if (!isTest && from.layer !== 'testing' && /['"]vitest['"]/.test(source))
    faults.push(`${file}: vitest belongs to tests and src/testing`);
  if (
    file !== 'src/base/clock.ts' &&
    !isTest &&
    from.layer !== 'testing' &&
    /\bDate\.now\(|(?<!\.)\bset(?:Timeout|Interval)\(/.test(source)
  ) {
    faults.push(`${file}: time comes from the injected Clock; Date.now and timers live in src/base/clock.ts`);
  }
  for (const specifier of specifiers(source)) {
    const name = specifier.startsWith('@')
      ? specifier.split('/').slice(0, 2).join('/')
      : (specifier.split('/')[0] ?? '');
    const home = homes[name];
    if (
      home !== undefined &&
      !isTest &&
      from.layer !== 'testing' &&
      !home.some((allowed) => file.startsWith(allowed))
    ) {
      faults.push(`${file}: "${name}" may be imported only in ${home.join(', ')}`);
    }
    if (specifier.startsWith('#') || name === 'agent33')
      faults.push(`${file}: import "${specifier}" by a relative path`);
    if (!specifier.startsWith('.')) continue;
    const target = path.posix.join(path.posix.dirname(file), specifier);
    if (target === 'package.json') continue;
    const to = placeOf(target);
    if (typeof to === 'string') {
      faults.push(`${file}: imports ${to}`);
      continue;
    }
    if (isTest && to.layer === 'testing') continue;
    if (layers.indexOf(to.layer) > layers.indexOf(from.layer)) {
      faults.push(`${file}: ${from.layer} may not import ${to.layer}; pass it in from src/app instead`);
      continue;
    }
    const sameModule = to.layer === from.layer && to.module === from.module;
    if (sameModule) continue;
    if (to.layer === from.layer && from.module !== undefined) {
      const allowed = modules[from.layer]?.[from.module] ?? [];
      if (!allowed.includes(to.module ?? '')) {
        faults.push(
          `${file}: ${from.layer}/${from.module} may not import its sibling ${to.module}; allowed: ${allowed.join(', ') || 'none'}`,
        );
      }
    }
    const front = ['src', to.layer, ...(to.module === undefined ? [] : [to.module]), 'index.ts'].join('/');
    if (target !== front && from.layer !== 'testing' && !(from.layer === 'cli' && to.layer === 'cli')) {
      faults.push(`${file}: enter ${to.module ?? to.layer} by its index.ts, not by ${target}`);
    }
  }
  return faults;
}
