/** Releases of one model differ in a date at the end and cost the same. */
const releaseSuffix = /-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/** Other names for a provider whose list holds. */
const lists: ReadonlyMap<string, string> = new Map(
  Object.entries({
    azure: 'openai',
    azure_openai: 'openai',
    gemini: 'google',
    vertex: 'google',
    vertex_ai: 'google',
    together_ai: 'together',
    togetherai: 'together',
    cohere_chat: 'cohere',
  }),
);

/** Regional places of Bedrock ask a tenth more for Claude 4.5 and later, `global.` does not. */
const bedrockModel =
  /^(?:(?<region>us|eu|apac|jp|au|us-gov|global)\.)?anthropic\.(?<model>claude-.+?)(?:-v\d+(?::\d+)?)?$/;
const beforePremium = /^claude-(?:3|opus-4(?:-1)?$|sonnet-4$)/;
const regionalPremium = 1.1;

/** How a model is looked up in the price list. */
export interface PriceKey {
  /** `provider/model` of the list. */
  readonly key: string;
  /** The model's name without the date of its release. */
  readonly plain: string;
  /** By how much the price differs from the listed one. */
  readonly premium: number;
}

/** Where the price of a provider's model stands: dates of releases do not matter, Bedrock's Claude is Anthropic's. */
export function priceKey(provider: string, model: string): PriceKey {
  if (provider === 'bedrock') {
    const { region, model: name } = bedrockModel.exec(model)?.groups ?? {};
    const plain = (name ?? model).replace(releaseSuffix, '');
    const regional = region !== undefined && region !== 'global' && !beforePremium.test(plain);
    return {
      key: `${name === undefined ? provider : 'anthropic'}/${plain}`,
      plain,
      premium: regional ? regionalPremium : 1,
    };
  }
  const plain = model.replace(releaseSuffix, '');
  return { key: `${lists.get(provider) ?? provider}/${plain}`, plain, premium: 1 };
}
