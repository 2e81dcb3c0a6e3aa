import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { channelDefinition, routeDefinition, type RouteDefinition } from '../../protocol/index.ts';
import { checkRoutes } from './check-routes.ts';
import { createEventRouter } from './event-router.ts';
import type { RoutedEvent } from './routed-event.ts';

const route = (name: string, spec: object): RouteDefinition =>
  routeDefinition.parse({ apiVersion: 'agent33/v1', kind: 'Route', metadata: { name }, spec });
const channel = (spec: object) =>
  channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'telegram' },
    spec: { platform: 'telegram', token: '1:x', agent: 'own', ...spec },
  });
const event = (more: Partial<RoutedEvent> = {}): RoutedEvent => ({ source: 'discord', content: '', ...more });

function routerOf(routes: readonly RouteDefinition[], more: object = {}) {
  const router = createEventRouter({ logger: silentLogger });
  router.apply({ routes, channels: [], defaultAgent: 'assistant', ...more });
  return router;
}

const goesTo = (spec: object, given: Partial<RoutedEvent>): boolean =>
  routerOf([route('r', { agent: 'found', ...spec })]).decide(event(given)).reason === 'rule';

describe('conditions', () => {
  it.each<[string, object, Partial<RoutedEvent>, Partial<RoutedEvent>]>([
    ['source', { source: ['slack', 'discord'] }, {}, { source: 'rest' }],
    ['channel', { channel: 'team' }, { channel: 'team' }, {}],
    ['account', { account: '42' }, { accountId: '42' }, { accountId: '43' }],
    ['channelIds', { channelIds: ['123456789'] }, { channelId: '123456789' }, { channelId: '1' }],
    ['guildIds', { guildIds: '987' }, { guildId: '987' }, {}],
    ['sourceIdPattern', { sourceIdPattern: '^-100' }, { channelId: '-1007' }, { channelId: '7-100' }],
    ['userId', { userId: 7 }, { userId: '7' }, { userId: '77' }],
    [
      'userId',
      { userId: '49' },
      { userId: 'DE.1', userAliases: ['49'] },
      { userId: 'DE.1', userAliases: ['48'] },
    ],
    ['contentPattern', { contentPattern: '^/code' }, { content: '/code me' }, { content: 'a /code' }],
    ['chatType', { chatType: ['dm'] }, { chatType: 'dm' }, { chatType: 'group' }],
    [
      'metadataMatch',
      { metadataMatch: { 'raw.kind': ['a', 'b'], urgent: true } },
      { metadata: { raw: { kind: 'b' }, urgent: true } },
      { metadata: { raw: { kind: 'c' }, urgent: true } },
    ],
    [
      'metadataMatch with own dots',
      { metadataMatch: { 'a.b': null } },
      { metadata: { 'a.b': null } },
      { metadata: { a: {} } },
    ],
  ])('%s', (_name, spec, fits, misses) => {
    expect(goesTo(spec, fits)).toBe(true);
    expect(goesTo(spec, misses)).toBe(false);
  });

  it('have to hold together, and the explanation names the one that failed', () => {
    const router = routerOf([route('both', { source: 'discord', contentPattern: 'x', team: 'crew' })]);
    expect(router.decide(event({ content: 'x' })).target).toEqual({ kind: 'team', name: 'crew' });
    expect(router.explain(event({ content: 'y' }))).toMatchObject({
      reason: 'default',
      considered: [{ rule: 'both', outcome: 'no-match', failed: 'contentPattern' }],
    });
  });

  it.each(['__proto__.x', 'constructor.name', 'toString'])('read nothing inherited: %s', (path) => {
    expect(goesTo({ metadataMatch: { [path]: 'Object' } }, { metadata: {} })).toBe(false);
  });
});

describe('order', () => {
  it('is explicit target, rules by priority, default of the channel or source, default of all', () => {
    const defaults = { sources: [{ source: 'rest', workflow: 'intake' }] };
    const router = routerOf([route('a', { source: 'slack', agent: 'a' })], {
      channels: [channel({})],
      defaults,
    });
    const target = { kind: 'team', name: 'named' } as const;
    expect(router.decide(event({ source: 'slack', target }))).toEqual({ target, reason: 'explicit' });
    expect(router.decide(event({ source: 'slack' }))).toMatchObject({ reason: 'rule', rule: 'a' });
    expect(router.decide(event({ source: 'telegram', channel: 'telegram' }))).toEqual({
      target: { kind: 'agent', name: 'own' },
      reason: 'source-default',
    });
    expect(router.decide(event({ source: 'rest' }))).toMatchObject({
      target: { kind: 'workflow', name: 'intake' },
      reason: 'source-default',
    });
    expect(router.decide(event())).toMatchObject({ target: { name: 'assistant' }, reason: 'default' });
    expect(() => routerOf([], { defaultAgent: undefined }).decide(event())).toThrow('no rule fits');
  });

  it("puts a channel's own rules before shared ones of the same priority only", () => {
    const own = channel({
      routes: [
        { name: 'code', contentPattern: '^/code', agentId: 'coder' },
        { name: 'rest', channelIds: ['5'], teamId: 'crew' },
      ],
    });
    const router = routerOf([route('all', { agent: 'shared' })]);
    expect(router.decide(event({ content: '/code' }), own)).toMatchObject({
      rule: 'telegram/code',
      target: { kind: 'agent', name: 'coder' },
    });
    expect(router.decide(event({ channelId: '5' }), own).target).toEqual({ kind: 'team', name: 'crew' });
    expect(router.decide(event(), own).rule).toBe('all');
    const urgent = routerOf([route('all', { agent: 'shared', priority: 1 })]);
    expect(urgent.decide(event({ content: '/code' }), own).rule).toBe('all');
  });

  const ruleSpec = fc.record(
    {
      priority: fc.integer({ min: -2, max: 2 }),
      source: fc.constantFrom('discord', 'slack'),
      userId: fc.constantFrom('1', '2'),
      contentPattern: fc.constantFrom('a', 'b', '^$'),
      enabled: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const events = fc.record({
    source: fc.constantFrom('discord', 'slack', 'rest'),
    userId: fc.constantFrom('1', '2', '3'),
    content: fc.constantFrom('', 'a', 'b', 'ab'),
  });

  it('takes the first rule that fits, of the highest priority, however the files are listed', () => {
    fc.assert(
      fc.property(fc.array(ruleSpec, { maxLength: 12 }), events, fc.boolean(), (specs, given, isReversed) => {
        const routes = specs.map((spec, index) => route(`r${index + 10}`, { ...spec, agent: `a${index}` }));
        const fits = routes.filter(({ spec }) => {
          const { enabled, source, userId, contentPattern } = spec;
          return (
            enabled &&
            (source === undefined || source === given.source) &&
            (userId === undefined || userId === given.userId) &&
            (contentPattern === undefined || new RegExp(contentPattern).test(given.content))
          );
        });
        const highest = Math.max(...fits.map(({ spec }) => spec.priority));
        const expected = fits.find(({ spec }) => spec.priority === highest)?.metadata.name;
        const listed = isReversed ? routes.toReversed() : routes;
        const router = routerOf(listed);
        const decision = router.decide(given);
        expect(decision.rule).toBe(expected);
        const { considered, ...same } = router.explain(given);
        expect(same).toEqual(decision);
        const outcomes = considered.map((one) => one.outcome);
        const chosen = outcomes.indexOf('chosen');
        const at = chosen === -1 ? outcomes.length : chosen;
        expect(outcomes.slice(0, at).every((one) => one === 'no-match')).toBe(true);
        expect(outcomes.slice(at + 1).every((one) => one === 'not-reached')).toBe(true);
      }),
    );
  });
});

describe('patterns that would take for ever', () => {
  it.each(['(a+)+$', '(a|a)*$', '(.*)*x', '(?:a?){450}(?:a){450}b'])('%s is harmless', (contentPattern) => {
    const router = routerOf([route('r', { contentPattern, agent: 'a' })]);
    const began = performance.now();
    router.decide(event({ content: `${'a'.repeat(100_000)}!` }));
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it.each([
    ['(?:a{30}){30}(?:b{30}){30}', 'too large'],
    ['(?=a)b', 'not a regular expression of RE2'],
    ['(', 'not a regular expression of RE2'],
  ])('%s is refused, and a rule that has it fits nothing', (contentPattern, message) => {
    const bad = route('bad', { contentPattern, agent: 'a' });
    expect(checkRoutes(bad)).toEqual([
      { path: ['spec', 'contentPattern'], message: expect.stringContaining(message) },
    ]);
    expect(routerOf([bad]).decide(event({ content: 'a'.repeat(5000) })).reason).toBe('default');
  });

  it('names rules of a channel that share a name', () => {
    const twice = channel({
      routes: [
        { name: 'x', agent: 'a' },
        { name: 'x', contentPattern: '[', agent: 'b' },
      ],
    });
    expect(checkRoutes(twice).map((fault) => fault.path.join('.'))).toEqual([
      'spec.routes.1.name',
      'spec.routes.1.contentPattern',
    ]);
  });
});
