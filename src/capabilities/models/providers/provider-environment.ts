import type { Environment } from '../../../base/index.ts';
import type { Config } from '../../../platform/config/index.ts';

/** Settings that hold keys and addresses of services. */
const variables = [
  'AZURE_OPENAI_API_KEY',
  'AZURE_OPENAI_ENDPOINT',
  'AZURE_OPENAI_API_VERSION',
  'GEMINI_API_KEY',
  'MISTRAL_API_KEY',
  'GROQ_API_KEY',
  'TOGETHER_API_KEY',
  'OPENROUTER_API_KEY',
  'DEEPSEEK_API_KEY',
  'XAI_API_KEY',
  'COHERE_API_KEY',
  'JINA_API_KEY',
  'VLLM_BASE_URL',
  'VLLM_API_KEY',
  'LMSTUDIO_BASE_URL',
  'AWS_REGION',
  'AWS_BEARER_TOKEN_BEDROCK',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const satisfies readonly (keyof Config)[];

/** The settings of services, each of them optional. */
export type ProviderVariables = Partial<Pick<Config, (typeof variables)[number]>>;

/** The environment with what the configuration says about services: there a setting may come from elsewhere. */
export function providerEnvironment(config: ProviderVariables, environment: Environment): Environment {
  const written = variables.flatMap((name) => {
    const value = config[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...environment, ...Object.fromEntries(written) };
}
