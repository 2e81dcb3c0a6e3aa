/** Input and output in USD per million tokens, and what else has a price of its own. */
export type PriceRow = readonly [
  input: number,
  output: number,
  more?: {
    /** Input from the provider's prompt cache. */
    readonly cached?: number;
    /** Input written to it, for the shortest time it is kept. */
    readonly write?: number;
    /** Prices of requests with more input than `above` tokens. */
    readonly long?: { readonly above: number; readonly row: PriceRow };
  },
];

interface ProviderPrices {
  /** The provider's page that names them. None was read live: stored copies and excerpts, some second hand, see `docs/usage.md`. */
  readonly source: string;
  /** The day on which they were looked up. */
  readonly asOf: string;
  readonly models: Readonly<Record<string, PriceRow>>;
}

const openAiLong = 272_000;

/** OpenAI's long requests cost twice as much on the way in and half as much again on the way out. */
function withLong(input: number, output: number, more: { cached: number; write?: number }): PriceRow {
  const { cached, write } = more;
  const long: PriceRow = [
    input * 2,
    output * 1.5,
    { cached: cached * 2, ...(write === undefined ? {} : { write: write * 2 }) },
  ];
  return [input, output, { ...more, long: { above: openAiLong, row: long } }];
}

/** Anthropic: a write to the cache that is kept for five minutes costs a quarter more than other input. */
function claude(input: number, output: number, cached = input / 10): PriceRow {
  return [input, output, { cached, write: input * 1.25 }];
}

/**
 * List prices of standard processing, deliberately few: a model that is missing costs "unknown" until the project's
 * `models.prices` or its deployment names a price. Where a provider asks more at some hours, or less for an introduction,
 * the higher price is the one here, so that no budget is overdrawn by a rebate that has ended.
 */
export const listedPrices: Readonly<Record<string, ProviderPrices>> = {
  openai: {
    source: 'https://developers.openai.com/api/docs/pricing',
    asOf: '2026-11-21',
    models: {
      'gpt-6.2-sol': withLong(2, 10, { cached: 0.1, write: 2.5 }),
      'gpt-6.1-sol': withLong(2, 10, { cached: 0.1, write: 2.5 }),
      'gpt-6.1-terra': withLong(1, 5, { cached: 0.05, write: 1.25 }),
      'gpt-6-astra': withLong(10, 50, { cached: 1, write: 12.5 }),
      'gpt-6-sol': withLong(2, 10, { cached: 0.2, write: 2.5 }),
      'gpt-6-luna': withLong(0.1, 0.5, { cached: 0.01, write: 0.125 }),
      'gpt-5.6-terra': withLong(2, 12, { cached: 0.2 }),
      'gpt-5.6-luna': withLong(0.2, 1.2, { cached: 0.02 }),
      'gpt-5.5': withLong(5, 30, { cached: 0.5 }),
      'gpt-5.4': withLong(2.5, 15, { cached: 0.25 }),
      'gpt-5.4-mini': [0.75, 4.5, { cached: 0.075 }],
      'gpt-5.3-codex': [1.75, 14, { cached: 0.175 }],
      'gpt-5.2': [1.75, 14, { cached: 0.175 }],
      'gpt-5.1': [1.25, 10, { cached: 0.125 }],
      'gpt-5': [1.25, 10, { cached: 0.125 }],
      'gpt-5-codex': [1.25, 10, { cached: 0.125 }],
      'gpt-5-mini': [0.25, 2, { cached: 0.025 }],
      'gpt-5-nano': [0.05, 0.4, { cached: 0.005 }],
      'gpt-5-pro': [15, 120],
      'gpt-4.1': [2, 8, { cached: 0.5 }],
      'gpt-4.1-mini': [0.4, 1.6, { cached: 0.1 }],
      'gpt-4.1-nano': [0.1, 0.4, { cached: 0.025 }],
      'gpt-4o': [2.5, 10, { cached: 1.25 }],
      'gpt-4o-mini': [0.15, 0.6, { cached: 0.075 }],
      'gpt-3.5-turbo': [0.5, 1.5],
      o1: [15, 60, { cached: 7.5 }],
      o3: [2, 8, { cached: 0.5 }],
      'o3-mini': [1.1, 4.4, { cached: 0.55 }],
      'o4-mini': [1.1, 4.4, { cached: 0.275 }],
      'text-embedding-3-small': [0.02, 0],
      'text-embedding-3-large': [0.13, 0],
    },
  },
  anthropic: {
    source: 'https://platform.claude.com/docs/en/about-claude/pricing',
    asOf: '2026-11-21',
    models: {
      'claude-fable-5-1': claude(10, 50, 0.25),
      'claude-fable-5': claude(10, 50),
      'claude-opus-5-5': claude(4, 20, 0.2),
      'claude-opus-5': claude(5, 25),
      'claude-opus-4-8': claude(5, 25),
      'claude-opus-4-7': claude(5, 25),
      'claude-opus-4-6': claude(5, 25),
      'claude-opus-4-5': claude(5, 25),
      'claude-opus-4-1': claude(15, 75),
      'claude-opus-4': claude(15, 75),
      'claude-sonnet-5-5': claude(2, 10),
      'claude-sonnet-5': claude(2, 10),
      'claude-sonnet-4-6': claude(3, 15),
      'claude-sonnet-4-5': claude(3, 15),
      'claude-sonnet-4': claude(3, 15),
      'claude-3-7-sonnet': claude(3, 15),
      'claude-haiku-5-5': [
        0.1,
        0.5,
        { cached: 0.01, write: 0.125, long: { above: 100_000, row: claude(0.5, 2.5) } },
      ],
      'claude-haiku-4-5': claude(1, 5),
      'claude-3-5-haiku': claude(0.8, 4),
    },
  },
  google: {
    source: 'https://ai.google.dev/gemini-api/docs/pricing',
    asOf: '2026-10-07',
    models: {
      'gemini-3.8-flash': [1.5, 7.5],
      'gemini-3.7-flash': [1.5, 7.5],
      'gemini-3.6-flash': [1.5, 7.5, { cached: 0.15 }],
      'gemini-3.5-flash': [1.5, 9, { cached: 0.15 }],
      'gemini-3.5-flash-lite': [0.3, 2.5, { cached: 0.03 }],
      'gemini-3.1-pro-preview': [
        2,
        12,
        { cached: 0.2, long: { above: 200_000, row: [4, 18, { cached: 0.4 }] } },
      ],
      'gemini-3-flash-preview': [0.5, 3, { cached: 0.05 }],
      'gemini-2.5-pro': [
        1.25,
        10,
        { cached: 0.125, long: { above: 200_000, row: [2.5, 15, { cached: 0.25 }] } },
      ],
      'gemini-2.5-flash': [0.3, 2.5, { cached: 0.03 }],
      'gemini-2.5-flash-lite': [0.1, 0.4, { cached: 0.01 }],
    },
  },
  mistral: {
    source: 'https://docs.mistral.ai/models (model cards)',
    asOf: '2026-11-21',
    models: {
      'mistral-large-4-0': [0.68, 2.09],
      'mistral-large-2512': [0.5, 1.5],
      'mistral-large-2411': [2, 6],
      'mistral-medium-3.5': [1.5, 7.5],
      'mistral-medium-3-5-26-04': [1.5, 7.5],
      'mistral-medium-2505': [0.4, 2],
      'open-mistral-nemo': [0.15, 0.15],
    },
  },
  groq: {
    source: 'https://console.groq.com/docs/models',
    asOf: '2026-11-21',
    models: {
      'openai/gpt-oss-120b': [0.15, 0.6],
      'openai/gpt-oss-20b': [0.075, 0.3],
      'llama-3.3-70b-versatile': [0.59, 0.79],
      'llama-3.1-8b-instant': [0.05, 0.08],
    },
  },
  deepseek: {
    source: 'https://api-docs.deepseek.com/quick_start/pricing (prices of peak hours)',
    asOf: '2026-11-21',
    models: {
      'deepseek-flash': [0.3, 1.2, { cached: 0.006 }],
      'deepseek-v4-flash': [0.3, 1.2, { cached: 0.006 }],
      'deepseek-v4-pro': [1.32, 3.96, { cached: 0.044 }],
    },
  },
  xai: {
    source: 'https://docs.x.ai/developers/models',
    asOf: '2026-11-21',
    models: {
      'grok-4.5': [2, 6, { cached: 0.5, long: { above: 200_000, row: [4, 12] } }],
      'grok-4.3': [1.25, 2.5, { cached: 0.2, long: { above: 200_000, row: [2.5, 5] } }],
      'grok-4': [3, 15, { long: { above: 128_000, row: [6, 30] } }],
    },
  },
  cohere: {
    source: 'https://cohere.com/pricing',
    asOf: '2026-11-11',
    models: {
      'command-r-08-2024': [0.15, 0.6],
      'command-r': [0.15, 0.6],
      'command-r7b-12-2024': [0.0375, 0.15],
      'command-a-03-2025': [2.5, 10],
      'embed-v4.0': [0.12, 0],
    },
  },
  together: {
    source: 'https://docs.together.ai/docs/serverless/models',
    asOf: '2026-11-21',
    models: {
      'openai/gpt-oss-120b': [0.15, 0.6],
      'meta-llama/Llama-3.3-70B-Instruct-Turbo': [0.88, 0.88],
      'deepseek-ai/DeepSeek-V4-Flash-0731': [0.14, 0.28],
    },
  },
};
