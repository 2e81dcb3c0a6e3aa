import { describe, expect, it } from 'vitest';
import { FakeTelegram } from '../../../src/testing/channels.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { CommandLine } from '../cli/command-line.ts';
import { adminKey, CrashGround, type ModelQuestion, type ModelSaying } from '../crash/crash-ground.ts';

const requester = 7;
const approver = 8;
const stranger = 9;

const definition = (kind: string, name: string, spec: unknown): string =>
  JSON.stringify({ apiVersion: 'agent33/v1', kind, metadata: { name }, spec });

const effectStep = (id: string, more: object = {}) => ({
  id,
  action: 'call_tool',
  inputs: { tool: 'effect', arguments: { note: id } },
  ...more,
});

/** A chat with an agent that runs a workflow that invokes a team whose member has a clerk with a tool that people allow. */
function projectFiles(telegram: FakeTelegram): Readonly<Record<string, string>> {
  return {
    'channels/telegram.json': definition('Channel', 'telegram', {
      platform: 'telegram',
      agent: 'desk',
      token: telegram.token,
      apiBase: telegram.apiBase,
      pollTimeout: '2s',
      access: { approvers: [String(approver)] },
    }),
    'agents/desk.json': definition('Agent', 'desk', {
      model: 'openai/desk',
      delegates: [{ workflow: 'release' }],
    }),
    'workflows/release.json': definition('Workflow', 'release', {
      inputs: { topic: 'string' },
      steps: [
        effectStep('before'),
        {
          id: 'press',
          action: 'invoke_team',
          dependsOn: ['before'],
          inputs: { team: 'press', message: 'Announce {{ inputs.topic }}' },
        },
        effectStep('after', { dependsOn: ['press'] }),
      ],
      outputs: { text: '{{ steps.press.output.text }}' },
    }),
    'teams/press.json': definition('Team', 'press', {
      mode: 'coordinate',
      members: ['writer'],
      lead: 'chief',
    }),
    'agents/chief.json': definition('Agent', 'chief', { model: 'openai/chief' }),
    'agents/writer.json': definition('Agent', 'writer', {
      model: 'openai/writer',
      delegates: [{ agent: 'clerk' }],
    }),
    'agents/clerk.json': definition('Agent', 'clerk', {
      model: 'openai/clerk',
      tools: [{ name: 'effect', approval: { deadline: '1h', default: 'reject' } }],
    }),
  };
}

/** Everybody passes on what came up from below; a clerk that is refused tries again in other words. */
function think({ model, messages }: ModelQuestion): ModelSaying {
  const last = messages.at(-1);
  const name = model.split('/').at(-1) ?? '';
  if (last?.role === 'tool') {
    if (name !== 'clerk' || !last.content.includes('rejected'))
      return `${name}: ${last.content.slice(0, 60)}`;
    return { call: 'effect', arguments: { note: 'announced\npolitely' } };
  }
  if (name === 'desk') return { call: 'run_release', arguments: { topic: 'it' } };
  if (name === 'chief') return { call: 'ask_writer', arguments: { message: 'write' } };
  if (name === 'writer') return { call: 'ask_clerk', arguments: { message: 'send' } };
  return { call: 'effect', arguments: { note: 'announced\nloudly' } };
}

interface Asked {
  readonly id: string;
  readonly code: string;
  readonly status: string;
  readonly run_id: string;
  readonly arguments_hash: string;
  readonly decided_by: string | null;
  readonly subject: { readonly arguments: { readonly note: string } };
}

class Scene implements AsyncDisposable {
  readonly world: CrashGround;
  readonly telegram: FakeTelegram;
  readonly #drop: () => Promise<void>;

  private constructor(world: CrashGround, telegram: FakeTelegram, drop: () => Promise<void>) {
    this.world = world;
    this.telegram = telegram;
    this.#drop = drop;
  }

  static async open(kind: string): Promise<Scene> {
    const created = kind === 'PostgreSQL' ? await createTestDatabase() : undefined;
    const telegram = await FakeTelegram.start();
    const world = new CrashGround({ env: created === undefined ? {} : { DATABASE_URL: created.url }, think });
    await world.open({ files: projectFiles(telegram) });
    await world.start();
    return new Scene(world, telegram, async () => created?.drop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.close();
    await this.telegram.stop();
    await this.#drop();
  }

  /** The status with the body of an answer of the server. */
  async http(
    path: string,
    options: { body?: object; key?: string } = {},
  ): Promise<{ status: number; body: unknown }> {
    const { body, key = adminKey } = options;
    const response = await fetch(`${this.world.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, body: await response.json() };
  }

  /** All that was ever asked, the oldest first. */
  async asked(): Promise<readonly Asked[]> {
    const { body } = await this.http('/api/v1/approvals?limit=50');
    return (body as { items: Asked[] }).items.toReversed();
  }

  decide(id: string, body: object, key?: string): Promise<{ status: number; body: unknown }> {
    return this.http(`/api/v1/approvals/${id}/decision`, { body, ...(key === undefined ? {} : { key }) });
  }

  /** An agent33 command as a person gives it in the project's folder. */
  cli(...args: readonly string[]) {
    return new CommandLine(this.world.projectDir).run(
      ...args,
      '--url',
      this.world.url,
      '--api-key',
      adminKey,
    );
  }

  textsTo(chat: number): readonly string[] {
    return this.telegram.messages.filter((one) => one.chatId === String(chat)).map((one) => one.text);
  }

  /** What the chat is asked about these words. A kill right after it was sent lets it come a second time. */
  async notice(words: string) {
    const found = () =>
      this.telegram.messages.find((one) => one.buttons.length > 0 && one.text.includes(words));
    await this.telegram.waitUntil(() => found() !== undefined, `a notice about ${words}`, 60_000);
    return found() as NonNullable<ReturnType<typeof found>>;
  }

  /** Resolves when the run of the chat has left memory or ended. */
  async until(status: string): Promise<{ status: string; id: string }> {
    let run: { status: string; id: string } | undefined;
    await expect
      .poll(
        async () => {
          const { body } = await this.http('/api/v1/runs?limit=50');
          run = (body as { items: { status: string; id: string; target: { name: string } }[] }).items.find(
            (one) => one.target.name === 'desk',
          );
          return run?.status;
        },
        { timeout: 60_000, interval: 50 },
      )
      .toBe(status);
    if (run === undefined) throw new Error('no run');
    return run;
  }
}

const hasPostgres = await postgresAvailable();

describe.each(['embedded', 'PostgreSQL'] as const)(
  'a tool call of an agent in an agent in a team in a workflow in a chat, on %s',
  (kind) => {
    it.skipIf(kind === 'PostgreSQL' && !hasPostgres)(
      'is decided by whom it may, after kill -9, by all doors at once, and made once',
      async () => {
        await using scene = await Scene.open(kind);
        const { world, telegram } = scene;
        telegram.userSays({ chatId: requester, text: 'release it' });
        const first = await scene.notice('| loudly');

        // Everything that knew of the run is gone.
        await scene.until('waiting');
        await world.restart();
        const [loud] = await scene.asked();
        if (loud === undefined) throw new Error('nothing asked');
        expect(loud).toMatchObject({
          status: 'pending',
          subject: { arguments: { note: 'announced\nloudly' } },
        });

        // Not by a stranger, nor the requester, nor a key without the permission, nor about other arguments.
        const { body: token } = await scene.http('/api/v1/auth/token', {
          body: { api_key: adminKey, scopes: ['approvals:read'] },
        });
        const reader = await fetch(`${world.url}/api/v1/approvals/${loud.id}/decision`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${(token as { access_token: string }).access_token}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify({ decision: 'approve' }),
        });
        expect(reader.status).toBe(403);
        telegram.userPresses(first, 'Approve', requester);
        telegram.userSays({ chatId: stranger, text: `/approve ${loud.code}` });
        await telegram.waitUntil(
          () =>
            scene.textsTo(stranger).some((text) => text.startsWith('I know nothing under')) &&
            scene.textsTo(requester).some((text) => text.startsWith('I know nothing under')),
          'the refusals',
          30_000,
        );
        const wrong = await scene.decide(loud.id, { decision: 'approve', arguments_hash: '0'.repeat(64) });
        expect(wrong.status).toBe(409);
        expect((await scene.cli('approvals', 'approve', loud.code, '--hash', '0'.repeat(64))).code).not.toBe(
          0,
        );
        expect((await scene.asked()).map((one) => one.status)).toEqual(['pending']);
        expect(world.notes).toEqual(['before']);

        // A no by chat: the clerk comes back with other words, and those are asked about anew.
        telegram.userSays({ chatId: approver, text: `/reject ${loud.code} politely please` });
        const second = await scene.notice('| politely');
        await scene.until('waiting');
        await world.restart();
        const polite = (await scene.asked())[1];
        if (polite === undefined) throw new Error('nothing asked again');
        expect(polite.arguments_hash).not.toBe(loud.arguments_hash);
        const stale = await scene.decide(polite.id, {
          decision: 'approve',
          arguments_hash: loud.arguments_hash,
        });
        expect(stale.status).toBe(409);

        // A yes by chat, over HTTP and by command, each twice and all at once; then the server is killed again.
        const yes = { decision: 'approve', arguments_hash: polite.arguments_hash };
        telegram.userPresses(second, 'Approve', approver);
        telegram.userSays({ chatId: approver, text: `/approve ${polite.code}` });
        const [byId, byCode, byCommand] = await Promise.all([
          scene.decide(polite.id, yes),
          scene.decide(polite.code, yes),
          scene.cli('approvals', 'approve', polite.code),
        ]);
        await world.restart();
        const outcome = (await scene.asked())[1];
        expect(outcome?.status).toBe('approved');
        // One principal was first; whoever was not is told so.
        const byChat = outcome?.decided_by === `telegram:${telegram.botId}:${approver}`;
        expect([byId.status, byCode.status]).toEqual(byChat ? [409, 409] : [200, 200]);
        expect(byCommand.code === 0).toBe(!byChat);
        expect((await scene.decide(polite.id, { decision: 'reject' })).status).toBe(409);
        await scene.until('completed');
        await telegram.waitUntil(
          () => scene.textsTo(requester).some((text) => text.startsWith('desk: ')),
          'the answer',
          30_000,
        );
        // Telegram repeats all that was ever said, and nothing happens once more.
        telegram.redeliver();
        await telegram.waitUntilConfirmed();

        expect(world.notes).toEqual(['before', 'announced\npolitely', 'after']);
        expect(world.effects.size).toBe(3);
        expect(scene.textsTo(requester).filter((text) => text.startsWith('desk: '))).toHaveLength(1);
        expect((await scene.asked()).map((one) => one.status)).toEqual(['rejected', 'approved']);
        // Each thought once; only what was under way at the last kill may have been paid for twice.
        const turns = [
          'chief/1',
          'chief/3',
          'clerk/1',
          'clerk/3',
          'clerk/5',
          'desk/1',
          'desk/3',
          'writer/1',
          'writer/3',
        ];
        expect([...world.modelCalls.keys()].toSorted()).toEqual(turns);
        const calls = [...world.modelCalls.values()].reduce((sum, count) => sum + count, 0);
        expect(calls).toBeLessThanOrEqual(turns.length + 1);
      },
      // Three servers die and come up again, and each time the lease of the dead one has to pass.
      300_000,
    );
  },
);
