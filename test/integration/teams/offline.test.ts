import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { createModels, type Models } from '../../../src/capabilities/models/index.ts';
import { createBuiltinTools } from '../../../src/capabilities/tools/index.ts';
import { loadProject } from '../../../src/engine/definitions/index.ts';
import { createEgressClient } from '../../../src/platform/http-client/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { notingTool, TeamGround } from './team-ground.ts';

/** The starter project with the assistant that answers when no language model is connected. */
class OfflineGround extends TeamGround {
  readonly #models: Models;

  constructor() {
    super();
    this.#models = createModels({
      config: {
        OLLAMA_DEFAULT_MODEL: 'llama3.2',
        OPENAI_DEFAULT_MODEL: 'gpt-4o-mini',
        ANTHROPIC_DEFAULT_MODEL: 'claude-sonnet-4-5',
        MODEL_TIMEOUT_SECONDS: 120,
        OLLAMA_BASE_URL: undefined,
        OPENAI_API_KEY: undefined,
        OPENAI_BASE_URL: undefined,
        ANTHROPIC_API_KEY: undefined,
        ANTHROPIC_BASE_URL: undefined,
      },
      egress: { fetch: () => Promise.reject(new TypeError('there is no network')) },
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics({ version: 'test', processMetrics: false }),
    });
    this.router = this.#models.router;
    this.projectDir = path.resolve('examples/starter');
    const tools = createBuiltinTools({
      clock: systemClock,
      createEgress: createEgressClient,
      allowPrivate: [],
    });
    for (const tool of tools) this.tools.register(tool);
  }

  override async start(): Promise<void> {
    await this.#models.start();
    const { definitions, problems } = await loadProject(this.projectDir, { environment: {} });
    expect(problems).toEqual([]);
    for (const { definition } of definitions) {
      const { kind, metadata, spec } = definition;
      if (kind === 'Agent' || kind === 'Team') {
        this.define(kind === 'Agent' ? 'agent' : 'team', metadata.name, spec);
      }
    }
    await super.start();
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#models.stop();
  }
}

const ground = new OfflineGround();
beforeAll(() => ground.start());
afterAll(() => ground.close());

const ask = (name: string, message: string, more: object = {}) =>
  ground.run('team', name, { input: { message }, ...more });

describe('a team without a language model', () => {
  it('of the starter answers from the documents of both members, and says that no model wrote it', async () => {
    const { text, status, result } = await ask(
      'newsroom',
      'Why do child runs execute in the process of their parent?',
    );
    expect(status).toBe('completed');
    expect(text).toContain('No language model connected');
    expect(text).toContain('0004-child-runs-in-the-parents-process.md');
    expect(result.members.map((one) => [one.name, one.status])).toEqual([
      ['reporter', 'completed'],
      ['historian', 'completed'],
    ]);
    expect(result.steps).toBe(1);
    // What the members quote is quoted by the team.
    expect(result.citations.map((one) => one.file)).toContain('0004-child-runs-in-the-parents-process.md');
  });

  it('delegates when it is told to in so many words, else says what it understands', async () => {
    const team = ground.define('team', 'offline-coordinate', {
      mode: 'coordinate',
      members: ['handbook', 'historian'],
    });
    const told = await ask(team, 'ask handbook what does limits.maxSteps mean?');
    expect(told.result.members).toMatchObject([{ name: 'handbook', status: 'completed' }]);
    expect(told.text).toContain('agents.md');
    const vague = await ask(team, 'Write a poem.');
    expect(vague.status).toBe('completed');
    expect(vague.result.members).toEqual([]);
    expect(vague.text).toContain('cannot be answered without a language model');
  });

  it('picks by name in mode route, and says that it could only take the first', async () => {
    const team = ground.define('team', 'offline-route', {
      mode: 'route',
      members: ['historian', 'handbook'],
    });
    expect((await ask(team, 'handbook: what is a session?')).result.team.answered_by).toBe('handbook');
    const { result } = await ask(team, 'What is a run?');
    expect(result.team).toMatchObject({
      answered_by: 'historian',
      choice: { reason: expect.stringContaining('No language model is connected') },
    });
  });

  it('keeps control with whoever has it in mode handoff, or passes it on when told', async () => {
    const team = ground.define('team', 'offline-handoff', {
      mode: 'handoff',
      members: ['handbook', 'historian'],
    });
    const stays = await ask(team, 'What does limits.maxSteps mean?');
    expect(stays.result.team.path).toEqual(['handbook']);
    expect(stays.text).toContain('agents.md');
    const moves = await ask(team, 'I want to talk to the historian.');
    expect(moves.status).toBe('completed');
    expect(moves.result.team.path).toEqual(['handbook', 'historian']);
    expect(moves.text).toContain('historian has the conversation now');
  });

  it.each([
    ['transfer to historian', 'historian has the conversation now'],
    ['Please hand me over to the historian.', 'historian has the conversation now'],
    ['transfer_to_historian', 'historian has the conversation now'],
    [
      'historian: why do child runs execute in the process of their parent?',
      '0004-child-runs-in-the-parents-process.md',
    ],
    [
      'Not the handbook, please transfer me to the historian and ask: why do child runs execute in the process of their parent?',
      '0004-child-runs-in-the-parents-process.md',
    ],
  ])('passes control on once for "%s"', async (message, said) => {
    const team = ground.define('team', 'offline-named', {
      mode: 'handoff',
      members: ['handbook', 'historian', 'orchestrator'],
    });
    const { status, result, text } = await ask(team, message);
    expect(status).toBe('completed');
    expect(result.team.path).toEqual(['handbook', 'historian']);
    expect(text).toContain(said);
  });

  it('says once that no model wrote the answer, and once how to connect one', async () => {
    const { text } = await ask('newsroom', 'Why do child runs execute in the process of their parent?');
    expect(text.match(/No language model connected/g)).toHaveLength(1);
    expect(text.match(/Connect a model/g)).toHaveLength(1);
  });

  it('makes no call that a person has not allowed', async () => {
    const calls: string[] = [];
    ground.tools.register(notingTool('shout', calls));
    const agent = ground.define('agent', 'shouter', { tools: [{ name: 'shout', approval: 'always' }] });
    const runId = await ground.submit(
      { kind: 'agent', name: agent },
      { input: { message: 'shout "hello"' } },
    );
    const [approval] = await ground.asked(runId);
    expect(approval?.subject).toEqual({ action: 'shout', arguments: { text: 'hello' } });
    expect(calls).toEqual([]);
  });
});
