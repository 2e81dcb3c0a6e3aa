import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '../../../base/index.ts';
import type { ChatMessage } from '../../../protocol/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import type { ModelEvent, ModelRequest, ModelResponse, ModelTool } from '../provider.ts';
import { createOfflineProvider } from './offline-provider.ts';
import type { OfflineScriptStep } from './offline-script.ts';

const { signal } = new AbortController();
const text = { type: 'string' };
const object = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
});

const tools: readonly ModelTool[] = [
  {
    name: 'clock',
    description: 'Tells the current date and time.',
    parameters: object({ timezone: text }),
    examples: ['What time is it in Tokyo?'],
  },
  {
    name: 'calculator',
    description: 'Evaluates an arithmetic expression.',
    parameters: object({ expression: text }, ['expression']),
    examples: ['What is 17% of 230?'],
  },
  {
    name: 'knowledge_search',
    description: 'Searches the documents of the agent.',
    parameters: object({ query: text, limit: { type: 'integer' } }, ['query']),
    examples: ['What does the handbook say about retries?'],
  },
  {
    name: 'web_fetch',
    description: 'Fetches a web page.',
    parameters: object({ url: { type: 'string', format: 'uri' } }, ['url']),
  },
  {
    name: 'file_ops',
    description: 'Lists, reads and writes files.',
    parameters: object({ operation: { enum: ['read', 'write', 'list'] }, path: text, content: text }, [
      'operation',
      'path',
    ]),
  },
];

const provider = createOfflineProvider({ clock: new FakeClock(), scripts: {} });

function ask(content: string, extra: Partial<ModelRequest> = {}): Promise<ModelResponse> {
  return provider.complete(
    { model: 'assistant', messages: [{ role: 'user', content }], tools, ...extra },
    { signal },
  );
}

async function callsFor(content: string, extra: Partial<ModelRequest> = {}): Promise<[string, JsonObject][]> {
  return (await ask(content, extra)).toolCalls.map((call) => [call.name, call.arguments]);
}

/** The conversation after a tool has answered. */
function afterTool(
  question: string,
  name: string,
  content: string,
  args: JsonObject = {},
  isError = false,
): ChatMessage[] {
  return [
    { role: 'user', content: question },
    { role: 'assistant', content: '', toolCalls: [{ id: 'call_1', name, arguments: args }] },
    { role: 'tool', toolCallId: 'call_1', name, content, isError },
  ];
}

const found = [
  '[1] docs/runs.md#L12-L18 — Runs › Crashes',
  'After a crash the run is executed again from the top, and finished steps answer from the journal.',
  'No model call is paid for twice.',
  '',
  '[2] docs/channels.md#L3-L9 — Channels',
  'Telegram messages are delivered in chunks. The bot token is set in the channel file.',
].join('\n');

describe('offline/assistant with tools', () => {
  it.each<[string, [string, JsonObject][]]>([
    ['17% of 230', [['calculator', { expression: '17 * 230 / 100' }]]],
    ['What is 12 times (3+4)?', [['calculator', { expression: '12 * (3+4)' }]]],
    ['how much is 1,234 plus 6', [['calculator', { expression: '1234 + 6' }]]],
    ['what is the square root of 16', [['calculator', { expression: 'sqrt(16)' }]]],
    ['what time is it in Tokyo', [['clock', { timezone: 'Asia/Tokyo' }]]],
    ['What time is it in America/New_York?', [['clock', { timezone: 'America/New_York' }]]],
    ['What is the date today?', [['clock', {}]]],
    ['How do runs survive a crash?', [['knowledge_search', { query: 'How do runs survive a crash?' }]]],
    ['Search the handbook for idempotency keys', [['knowledge_search', { query: 'idempotency keys' }]]],
    ['fetch https://example.com/a.', [['web_fetch', { url: 'https://example.com/a' }]]],
    ['list files in docs', [['file_ops', { operation: 'list', path: 'docs' }]]],
    ['list the files', [['file_ops', { operation: 'list', path: '.' }]]],
    ['read docs/runs.md', [['file_ops', { operation: 'read', path: 'docs/runs.md' }]]],
    [
      'write "buy milk" to notes/a.txt',
      [['file_ops', { operation: 'write', path: 'notes/a.txt', content: 'buy milk' }]],
    ],
    ['calculator 2+2', [['calculator', { expression: '2+2' }]]],
    [
      'file_ops {"operation":"read","path":"a b.txt"}',
      [['file_ops', { operation: 'read', path: 'a b.txt' }]],
    ],
    [
      'What time is it in Berlin? And what is 6 * 7?',
      [
        ['clock', { timezone: 'Europe/Berlin' }],
        ['calculator', { expression: '6 * 7' }],
      ],
    ],
  ])('%s', async (question, calls) => {
    expect(await callsFor(question)).toEqual(calls);
  });

  it('calls a tool that it has never seen, by its name, description and schema', async () => {
    const weather = {
      name: 'get_weather',
      description: 'Returns the weather of a city.',
      parameters: object({ city: text, days: { type: 'integer' } }, ['city']),
    };
    expect(await callsFor('What is the weather in Oslo?', { tools: [weather] })).toEqual([
      ['get_weather', { city: 'Oslo' }],
    ]);
    expect(await callsFor('weather city=Bergen days=3', { tools: [weather] })).toEqual([
      ['get_weather', { city: 'Bergen', days: 3 }],
    ]);
  });

  it('obeys the choice of tools', async () => {
    expect(await callsFor('17% of 230', { toolChoice: 'none' })).toEqual([]);
    expect(await callsFor('What time is it, 2+2?', { toolChoice: { name: 'calculator' } })).toEqual([
      ['calculator', { expression: '2+2' }],
    ]);
  });

  it('says what it cannot do and names the three nearest commands', async () => {
    const answer = await ask('Tell me a joke', {
      tools: tools.filter((tool) => tool.name !== 'knowledge_search'),
    });
    expect(answer.toolCalls).toEqual([]);
    const lines = answer.text.split('\n');
    expect(lines[0]).toBe('[No language model connected — commands only]');
    expect(lines.filter((line) => line.startsWith('• '))).toHaveLength(3);
    expect(lines.at(-1)).toMatch(/^Connect a model: .*OLLAMA_BASE_URL/);
  });

  it('greets without searching', async () => {
    expect(await callsFor('hello')).toEqual([]);
  });
});

describe('offline/assistant after its tools', () => {
  const answerTo = async (messages: ChatMessage[]): Promise<ModelResponse> =>
    provider.complete({ model: 'assistant', messages, tools }, { signal });

  it('quotes the passage that answers, with its source', async () => {
    const { text: answer, toolCalls } = await answerTo(
      afterTool('What happens to a run after a crash?', 'knowledge_search', found),
    );
    expect(toolCalls).toEqual([]);
    const lines = answer.split('\n');
    expect(lines[0]).toBe('[No language model connected — extractive answer]');
    expect(lines[1]).toBe(
      '• "After a crash the run is executed again from the top, and finished steps answer from the journal." [docs/runs.md#L12-L18]',
    );
    expect(answer).not.toContain('bot token');
  });

  it('says that no passage answers where none does', async () => {
    const { text: answer } = await answerTo(
      afterTool('Who won the football world cup?', 'knowledge_search', found),
    );
    expect(answer).toContain('No passage answers that.');
    expect(answer).not.toContain('•');
    const { text: nothing } = await answerTo(afterTool('Who won?', 'knowledge_search', 'No results.'));
    expect(nothing).toContain('No passage answers that.');
  });

  it('gives short results as they are, and failures as failures', async () => {
    expect((await answerTo(afterTool('17% of 230', 'calculator', '39.1'))).text).toContain(
      'calculator: 39.1',
    );
    const failed = await answerTo(
      afterTool('fetch https://x.test', 'web_fetch', 'the host is not allowed', {}, true),
    );
    expect(failed.text).toContain('web_fetch failed: the host is not allowed');
  });

  it('chooses from long pages and names the address', async () => {
    const page = `${'Filler words about gardening and weather. '.repeat(40)}The invoice number is printed at the top. `;
    const { text: answer } = await answerTo(
      afterTool('Where is the invoice number printed?', 'web_fetch', page, {
        url: 'https://example.com/help',
      }),
    );
    expect(answer).toContain('• "The invoice number is printed at the top." [https://example.com/help]');
  });

  it('never repeats a call, whatever the tool answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string(),
        fc.constantFrom(...tools.map((tool) => tool.name)),
        fc.boolean(),
        async (content, name, isError) => {
          const answer = await answerTo(afterTool('What is 17% of 230?', name, content, {}, isError));
          return answer.toolCalls.length === 0 && answer.text.startsWith('[No language model connected');
        },
      ),
    );
  });

  it('looks only at what came after the last question', async () => {
    const messages: ChatMessage[] = [
      ...afterTool('17% of 230', 'calculator', '39.1'),
      { role: 'assistant', content: '39.1' },
      { role: 'user', content: '6 * 7' },
    ];
    const answer = await answerTo(messages);
    expect(answer.toolCalls.map((call) => call.arguments)).toEqual([{ expression: '6 * 7' }]);
    expect(answer.toolCalls[0]?.id).not.toBe('call_1');
  });
});

describe('offline/assistant without tools', () => {
  it('quotes from sources that a chat client puts into the message', async () => {
    const message = `<context><source id="1" name="plan.md">The launch is planned for the ninth of May. Ducks swim.</source></context>\nWhen is the launch planned?`;
    const { text: answer } = await ask(message, { tools: [] });
    expect(answer).toContain('• "The launch is planned for the ninth of May." [plan.md]');
  });

  it('tells a question about documents from a background prompt', async () => {
    const message = `### Task:\nRespond to the query with the context.\n<context><source id="1" name="plan.md">The title of the plan is Ducks. It rains.</source></context>\n<user_query>\nWhat is the title of the plan?\n</user_query>`;
    const { text: answer } = await ask(message, { tools: [] });
    expect(answer).toContain('• "The title of the plan is Ducks." [plan.md]');
  });

  it('sums up a pasted text with its own sentences', async () => {
    const pasted =
      'Redis ran out of memory at two. The memory alarm of Redis had been muted. Workers waited for Redis. '.repeat(
        6,
      );
    const { text: answer } = await ask(`Summarize this:\n${pasted}`, { tools: [] });
    const quotes = [...answer.matchAll(/• "([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(quotes.length).toBeGreaterThan(0);
    expect(quotes.every((quote) => pasted.includes(quote))).toBe(true);
  });

  it.each([
    [
      'titles',
      '### Task:\nGenerate a title.\nJSON format: { "title": "…" }',
      { title: 'How do I restart the worker' },
    ],
    [
      'tags',
      '### Task:\nGenerate tags.\nJSON format: { "tags": ["…"] }',
      { tags: ['Restart', 'Worker', 'Queue'] },
    ],
    ['follow-ups', '### Task:\nSuggest.\n{ "follow_ups": ["…"] }', { follow_ups: [] }],
    ['search queries', '### Task:\nQueries.\n{ "queries": ["…"] }', { queries: [] }],
  ])('answers background prompts for %s with plain JSON', async (_what, prompt, expected) => {
    const history =
      '<chat_history>\nUSER: How do I restart the worker?\nASSISTANT: x\nUSER: restart worker queue\n</chat_history>';
    expect(JSON.parse((await ask(`${prompt}\n${history}`)).text)).toEqual(expected);
  });

  it('fills a schema with what is said and nothing else', async () => {
    const schema = object(
      {
        name: { type: ['string', 'null'] },
        priority: { type: 'string', enum: ['low', 'high'] },
        total: { type: 'number' },
        email: { type: 'string', format: 'email' },
        owner: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        items: { type: 'array', items: text },
        summary: text,
        extra: text,
      },
      ['name', 'priority', 'total', 'email', 'owner', 'items', 'summary'],
    );
    const answer = await ask(
      'Name: Ada Lovelace\nPriority: high\nTotal: 1,250.50\nWrite to ada@example.com',
      {
        tools: [],
        responseFormat: { type: 'json', schema },
      },
    );
    expect(JSON.parse(answer.text)).toEqual({
      name: 'Ada Lovelace',
      priority: 'high',
      total: 1250.5,
      email: 'ada@example.com',
      owner: null,
      items: [],
      summary: 'No language model is connected; nothing was made up.',
    });
  });
});

describe('every mode', () => {
  it('gives the same answer to the same conversation, in words that join to the whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.constantFrom('assistant', 'extract', 'echo'),
        async (content, model) => {
          const request: ModelRequest = { model, messages: [{ role: 'user', content }], tools };
          const whole = await provider.complete(request, { signal });
          expect(await provider.complete(request, { signal })).toEqual(whole);
          let streamed = '';
          let last: ModelEvent | undefined;
          for await (const event of provider.stream(request, { signal })) {
            if (event.type === 'text-delta') streamed += event.text;
            last = event;
          }
          expect(streamed).toBe(whole.text);
          expect(last).toMatchObject({ type: 'finish', usage: { costUsd: 0 } });
        },
      ),
    );
  });

  it('counts tokens and costs nothing', async () => {
    const { usage } = await ask('hello');
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(10);
    expect(usage.costUsd).toBe(0);
  });

  it('quotes earlier tool results in extract mode', async () => {
    const messages: ChatMessage[] = [
      ...afterTool('x', 'knowledge_search', found),
      { role: 'user', content: 'What is paid for twice?' },
    ];
    const { text: answer } = await provider.complete({ model: 'extract', messages }, { signal });
    expect(answer).toContain('"No model call is paid for twice." [docs/runs.md#L12-L18]');
  });

  it('names the modes that exist when another is asked for', async () => {
    await expect(ask('hello', { model: 'gpt' })).rejects.toMatchObject({
      code: 'not_found',
      message: /assistant, extract, echo/,
    });
  });
});

describe('offline/script', () => {
  const play = (steps: readonly OfflineScriptStep[], clock = new FakeClock()) => {
    const scripted = createOfflineProvider({ clock, scripts: { demo: steps } });
    return (messages: readonly ChatMessage[], model = 'script:demo') =>
      scripted.complete({ model, messages }, { signal });
  };
  const user = (content: string): ChatMessage => ({ role: 'user', content });

  it('answers by the first step whose conditions hold', async () => {
    const run = play([
      { when: { toolResultOf: 'clock' }, reply: 'It is noon.' },
      { when: { lastUser: 'TIME' }, toolCalls: [{ name: 'clock' }] },
      { when: { turn: 1 }, reply: 'second turn' },
      { reply: 'anything' },
    ]);
    expect((await run([user('what time is it')])).toolCalls).toMatchObject([
      { name: 'clock', arguments: {} },
    ]);
    expect((await run(afterTool('what time', 'clock', '12:00'))).text).toBe('It is noon.');
    expect((await run([user('a'), { role: 'assistant', content: 'b' }, user('c')])).text).toBe('second turn');
    expect((await run([user('x')])).text).toBe('anything');
  });

  it('plays errors and delays', async () => {
    const clock = new FakeClock();
    const run = play([{ delayMs: 5000, error: { code: 'rate_limited', message: 'slow down' } }], clock);
    const answer = run([user('x')]);
    const failed = expect(answer).rejects.toEqual(new AppError('rate_limited', 'slow down'));
    await clock.advance(5000);
    await failed;
  });

  it('names the scripts that exist', async () => {
    await expect(play([])([user('x')], 'script:other')).rejects.toMatchObject({
      code: 'not_found',
      message: /demo/,
    });
    await expect(play([])([user('x')])).rejects.toMatchObject({ code: 'model_rejected' });
  });
});
