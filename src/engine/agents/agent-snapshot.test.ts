import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { agentDefinition, teamDefinition, type Scope } from '../../protocol/index.ts';
import { snapshotAgent, waitingTimeoutMs } from './agent-snapshot.ts';
import type { StoredAgent } from './agent-store.ts';
import { createTargetDirectory } from './target-directory.ts';

const scope: Scope = { tenant: 'one', principal: 'x', scopes: ['admin'] };
const minutes = 60_000;

function snapshotOf(name: string, agents: Record<string, object>, teams: Record<string, object> = {}) {
  const missing = (kind: string, wanted: string) =>
    Promise.reject(new AppError('not_found', `there is no ${kind} "${wanted}"`));
  const head = { apiVersion: 'agent33/v1' };
  const stored = (definition: unknown) => ({ definition, hash: 'h', origin: { kind: 'file', path: '' } });
  const agent = (wanted: string) =>
    stored(
      agentDefinition.parse({ ...head, kind: 'Agent', metadata: { name: wanted }, spec: agents[wanted] }),
    );
  const targets = createTargetDirectory({
    agents: {
      get: (_, wanted) =>
        wanted in agents ? Promise.resolve(agent(wanted) as never) : missing('agent', wanted),
    },
    teams: {
      get: (_, wanted) =>
        wanted in teams
          ? Promise.resolve(
              stored(
                teamDefinition.parse({
                  ...head,
                  kind: 'Team',
                  metadata: { name: wanted },
                  spec: teams[wanted],
                }),
              ) as never,
            )
          : missing('team', wanted),
    },
    workflows: { get: (_, wanted) => missing('workflow', wanted) },
    workflowInputs: () => ({}),
  });
  return snapshotAgent(targets, scope, agent(name) as unknown as StoredAgent);
}

describe('the longest life of a run', () => {
  it.each([
    ['what the definition says', { a: { askPeople: true, limits: { timeout: '2m' } } }, 2 * minutes],
    ['five minutes', { a: {} }, 5 * minutes],
    ['days where it may ask people', { a: { askPeople: true } }, waitingTimeoutMs],
    [
      'days where a call needs approval',
      { a: { tools: [{ name: 'x', approval: 'always' }] } },
      waitingTimeoutMs,
    ],
    [
      'days where one below may wait',
      { a: { delegates: [{ agent: 'b' }] }, b: { askPeople: true } },
      waitingTimeoutMs,
    ],
    [
      'five minutes where those below go round',
      { a: { delegates: [{ agent: 'b' }] }, b: { delegates: [{ agent: 'a' }] } },
      5 * minutes,
    ],
  ])('is %s', async (_, agents, expected) => {
    expect((await snapshotOf('a', agents)).timeoutMs).toBe(expected);
  });

  it('looks into teams too, and at names that are missing there as at nobody', async () => {
    const agents = { a: { delegates: [{ team: 't' }] }, b: { askPeople: true } };
    const team = (members: string[]) => ({ t: { mode: 'route', members } });
    expect((await snapshotOf('a', agents, team(['gone', 'b']))).timeoutMs).toBe(waitingTimeoutMs);
    expect((await snapshotOf('a', agents, team(['gone']))).timeoutMs).toBe(5 * minutes);
  });
});

it('a snapshot holds those that work is given to, and its hash changes with them', async () => {
  const plain = await snapshotOf('a', { a: {} });
  expect(plain).toMatchObject({ hash: 'h' });
  expect(plain.agent).not.toHaveProperty('delegates');
  const boss = { delegates: [{ agent: 'b' }] };
  const [one, two] = [
    await snapshotOf('a', { a: boss, b: { description: 'Old.' } }),
    await snapshotOf('a', { a: boss, b: { description: 'New.' } }),
  ];
  expect(one.agent.delegates).toEqual([{ kind: 'agent', name: 'b', description: 'Old.', parameters: null }]);
  expect(one.hash).not.toBe(two.hash);
  await expect(snapshotOf('a', { a: boss })).rejects.toMatchObject({
    code: 'invalid_definition',
    message: 'agent "a": spec.delegates.0: there is no agent "b"',
  });
});
