import { describe, expect, it } from 'vitest';
import { teamDefinition } from './team.ts';

const team = (spec: object) =>
  teamDefinition.safeParse({ apiVersion: 'agent33/v1', kind: 'Team', metadata: { name: 't' }, spec });
const faults = (spec: object) =>
  team(spec).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);

describe('a team', () => {
  it('names its members by what it calls them', () => {
    const { data } = team({
      mode: 'route',
      members: ['a', { agent: 'a', name: 'again' }, { team: 'b', description: 'Them.' }],
    });
    expect(data?.spec.members.map((one) => [one.agent, one.team, one.name])).toEqual([
      ['a', undefined, 'a'],
      ['a', undefined, 'again'],
      [undefined, 'b', 'b'],
    ]);
  });

  it('has no two members of one name', () => {
    expect(faults({ mode: 'route', members: ['a', 'b', { team: 'a' }] })).toEqual([
      'spec.members.2: "a" is in the team already; give this member another "name"',
    ]);
  });

  it('begins a hand-over with a member', () => {
    expect(faults({ mode: 'handoff', members: ['desk', 'billing'], lead: 'desk' })).toBeUndefined();
    expect(faults({ mode: 'handoff', members: ['desk', 'billing'], lead: 'biling' })).toEqual([
      'spec.lead: expected a member of the team, who begins in mode handoff — did you mean "billing"?',
    ]);
    expect(faults({ mode: 'coordinate', members: ['desk'], lead: 'chief' })).toBeUndefined();
  });
});
