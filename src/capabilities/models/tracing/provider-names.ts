/** Our kinds of provider in the names of OpenTelemetry's conventions for generative AI, v1.41. */
const names: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  google: 'gcp.gemini',
  mistral: 'mistral_ai',
  xai: 'x_ai',
  local: 'ollama',
};

/** `gen_ai.provider.name`. */
export const conventionalProvider = (kind: string): string => names[kind] ?? kind;
