import { z } from 'zod';

const flag = z.stringbool().meta({ expects: 'true or false' });
const optionalSecret = z.string().meta({ secret: true }).optional();
const webAddress = z
  .url({ protocol: /^https?$/ })
  .meta({ expects: 'an address that begins with http:// or https://' })
  .optional();
const list = z
  .string()
  .meta({ expects: 'a comma-separated list' })
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
/** An address that may carry a password, of one of the given schemes. */
const serviceAddress = (schemes: readonly string[]) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)))
    .meta({
      secret: true,
      expects: `an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })
    .optional();

/** What a process can do beside accepting requests. */
const processRoles: readonly string[] = ['runs', 'deliveries', 'automation'];

/** Every setting, by the name of its environment variable. Values come from the environment, then from `.env`. */
export const configSchema = z.object({
  AGENT33_ENV: z
    .enum(['development', 'production'])
    .default('development')
    .describe('Kind of installation; production refuses weak secrets and unsafe listeners.'),
  AGENT33_HOME: z
    .string()
    .default('.agent33')
    .describe(
      'Folder for the embedded database, credentials and generated schemas; relative to the project.',
    ),
  AGENT33_BOOTSTRAP_KEY: optionalSecret.describe('Admin API key to use instead of a generated one (a33_…).'),
  AGENT33_WORKER: flag
    .default(true)
    .describe(
      'Does `serve` work on queues too? false: it only accepts, and `agent33 worker` processes work.',
    ),
  AGENT33_QUEUES: list
    .refine((names) => names.every((name) => processRoles.includes(name)))
    .meta({ expects: `a comma-separated list of ${processRoles.join(', ')}` })
    .describe(`Queues that this process works on: ${processRoles.join(', ')}; all when left out.`),
  AGENT33_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .meta({ expects: 'a whole number from 1' })
    .describe(
      "Runs that this process executes side by side; the project's `runs.concurrency` when left out.",
    ),
  AGENT33_WORKER_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address on which `agent33 worker` answers probes when it has a port.'),
  AGENT33_WORKER_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe(
      'Port on which `agent33 worker` answers /healthz, /readyz, /health and /metrics; none by default.',
    ),
  API_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address to listen on. Beyond loopback it needs API_ALLOWED_HOSTS in production.'),
  API_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8000)
    .describe('Port to listen on; 0 takes a free one.'),
  API_LOG_LEVEL: z
    .enum(['debug', 'info', 'warning', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Log level.'),
  API_SECRET_KEY: optionalSecret.describe(
    'Secret for signed values such as page cursors, at least 32 bytes; generated at first start.',
  ),
  API_ALLOWED_HOSTS: list.describe(
    'Host names by which browsers and clients may address this server, comma-separated; loopback names always work.',
  ),
  API_ALLOWED_ORIGINS: list.describe('Web origins that may call the API, comma-separated; none by default.'),
  API_BODY_LIMIT_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(1_048_576)
    .describe('Largest request body.'),
  API_MODEL_BODY_LIMIT_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(33_554_432)
    .describe('Largest request body of the doors for model clients (`/v1`, `/ollama`): images travel in it.'),
  API_WAIT_TIMEOUT_SECONDS: z.coerce
    .number()
    .positive()
    .default(300)
    .describe('Longest time a waiting HTTP caller is kept; the run goes on.'),
  DATABASE_URL: serviceAddress([
    'postgresql',
    'postgres',
    'postgresql+asyncpg',
    'postgresql+psycopg',
  ]).describe(
    'PostgreSQL address (postgresql://…, also postgresql+asyncpg://…); without it the embedded database is used.',
  ),
  DATABASE_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(2)
    .max(200)
    .default(10)
    .describe('Connections to PostgreSQL.'),
  JWT_SECRET: optionalSecret.describe(
    'Secret for signing tokens, at least 32 bytes; generated at first start.',
  ),
  JWT_ALGORITHM: z
    .enum(['HS256', 'HS384', 'HS512'])
    .default('HS256')
    .describe('Signing algorithm of tokens.'),
  JWT_EXPIRE_MINUTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(43_200)
    .default(60)
    .describe('Lifetime of tokens in minutes.'),
  ENCRYPTION_KEY: optionalSecret.describe('Fernet key for data at rest; generated at first start.'),
  OLLAMA_BASE_URL: webAddress.describe(
    'Ollama server. Without it http://localhost:11434 is tried once at start and used if it answers.',
  ),
  OLLAMA_DEFAULT_MODEL: z.string().default('llama3.2').describe('Model of Ollama for agents that name none.'),
  OPENAI_API_KEY: optionalSecret.describe('Key for OpenAI or a compatible server.'),
  OPENAI_BASE_URL: webAddress.describe(
    'OpenAI-compatible server; default https://api.openai.com/v1 when a key is set.',
  ),
  OPENAI_DEFAULT_MODEL: z
    .string()
    .default('gpt-4o-mini')
    .describe('Model of the OpenAI provider for agents that name none.'),
  ANTHROPIC_API_KEY: optionalSecret.describe('Key for Anthropic.'),
  ANTHROPIC_BASE_URL: webAddress.describe('Another address for the Anthropic API.'),
  ANTHROPIC_DEFAULT_MODEL: z
    .string()
    .default('claude-sonnet-4-5')
    .describe('Model of Anthropic for agents that name none.'),
  AZURE_OPENAI_API_KEY: optionalSecret.describe('Key for Azure OpenAI; needs AZURE_OPENAI_ENDPOINT.'),
  AZURE_OPENAI_ENDPOINT: webAddress.describe(
    'Resource of Azure OpenAI: https://NAME.openai.azure.com; its models are its deployments.',
  ),
  AZURE_OPENAI_API_VERSION: z
    .string()
    .optional()
    .describe('Version of the Azure OpenAI API; 2024-10-21 when left out.'),
  GEMINI_API_KEY: optionalSecret.describe('Key for Google (Gemini API).'),
  MISTRAL_API_KEY: optionalSecret.describe('Key for Mistral.'),
  GROQ_API_KEY: optionalSecret.describe('Key for Groq.'),
  TOGETHER_API_KEY: optionalSecret.describe('Key for Together.'),
  OPENROUTER_API_KEY: optionalSecret.describe('Key for OpenRouter.'),
  DEEPSEEK_API_KEY: optionalSecret.describe('Key for DeepSeek.'),
  XAI_API_KEY: optionalSecret.describe('Key for xAI.'),
  COHERE_API_KEY: optionalSecret.describe('Key for Cohere.'),
  JINA_API_KEY: optionalSecret.describe('Key for Jina.'),
  VLLM_BASE_URL: webAddress.describe('vLLM server, with its /v1.'),
  VLLM_API_KEY: optionalSecret.describe('Key for the vLLM server, if it asks for one.'),
  LMSTUDIO_BASE_URL: webAddress.describe('LM Studio server, with its /v1.'),
  AWS_REGION: z.string().optional().describe('Region of Amazon Bedrock.'),
  AWS_BEARER_TOKEN_BEDROCK: optionalSecret.describe('API key for Amazon Bedrock; needs AWS_REGION.'),
  AWS_ACCESS_KEY_ID: optionalSecret.describe('Access key for Amazon Bedrock, where there is no API key.'),
  AWS_SECRET_ACCESS_KEY: optionalSecret.describe('Secret of the access key.'),
  AWS_SESSION_TOKEN: optionalSecret.describe('Session token of a temporary access key.'),
  MODEL_TIMEOUT_SECONDS: z.coerce
    .number()
    .positive()
    .default(120)
    .describe('Longest time of one model call.'),
  REDIS_URL: serviceAddress(['redis', 'rediss']).describe(
    'Redis, for limits shared by several processes, the streams agent:*, and the bus where NATS_URL is not set.',
  ),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\x21-\x7a]{1,100}$/, 'expected up to 100 letters, digits and signs without spaces and braces')
    .default('a33:')
    .describe('What all keys in Redis begin with; installations that share a Redis need one each.'),
  REDIS_STREAM_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]*$/)
    .meta({ expects: 'letters, digits or one of _ . : -' })
    .default('')
    .describe(
      'In front of the names of all streams and of the channels of the bus, where several share a Redis.',
    ),
  NATS_URL: serviceAddress(['nats', 'tls']).describe(
    'NATS, for the bus that connects processes and programs.',
  ),
  AMQP_URL: serviceAddress(['amqp', 'amqps']).describe(
    'AMQP broker such as RabbitMQ, for the bus where neither NATS_URL nor REDIS_URL is set.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress.describe(
    'OpenTelemetry collector that takes OTLP over HTTP as JSON; spans of model calls go to its /v1/traces. Without it nothing is traced.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: webAddress.describe(
    'Whole address for spans, in place of the one made from OTEL_EXPORTER_OTLP_ENDPOINT.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optionalSecret.describe(
    'Headers of each request to the collector: name=value, comma-separated.',
  ),
  OTEL_SERVICE_NAME: z.string().min(1).default('agent33').describe('Name of this service in traces.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of calls that are traced; calls with a traceparent follow what that says.'),
  OTEL_BSP_MAX_QUEUE_SIZE: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(2048)
    .describe('Spans that may wait for the collector; more are dropped and counted.'),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce
    .number()
    .int()
    .min(1)
    .max(600_000)
    .default(5000)
    .describe('Milliseconds that a span waits for others to be sent with.'),
  EGRESS_ALLOW_PRIVATE: list.describe(
    'Hosts, IP addresses or CIDRs on private networks that tools may reach, comma-separated.',
  ),
});

/** The settings of a process: validated, complete, frozen. */
export type Config = Readonly<z.output<typeof configSchema>> & {
  /** Folder of the project, absolute. */
  readonly projectDir: string;
  /** AGENT33_HOME, absolute. */
  readonly homeDir: string;
};
