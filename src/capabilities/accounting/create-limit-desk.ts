import { AppError } from '../../base/index.ts';
import type { ApiKeyStore } from '../../platform/security/index.ts';
import { hasScope, limitSubject, type LimitValues, type Scope } from '../../protocol/index.ts';
import { effectiveLimits } from './effective-limits.ts';
import type { Ledger } from './ledger.ts';
import type { LimitDesk, LimitView } from './limit-desk.ts';
import type { StoredLimits } from './stored-limits.ts';
import { subjectKey } from './subject-key.ts';

interface KeyName {
  readonly id: string;
  readonly name: string;
}

export interface LimitDeskDeps {
  readonly stored: StoredLimits;
  readonly file: () => ReadonlyMap<string, LimitValues>;
  readonly ledger: Pick<Ledger, 'use' | 'reset'>;
  readonly keys: Pick<ApiKeyStore, 'list'>;
}

const isRun = (subject: string): boolean => /^run:[\w-]+$/.test(subject);
const isOfAll = (subject: string): boolean => subject.endsWith(':*');

/** Error: `invalid_request` for what is no subject. */
function checkSubject(subject: string): void {
  if (isRun(subject) || limitSubject.safeParse(subject).success) return;
  throw new AppError(
    'invalid_request',
    `"${subject}" is no subject; expected tenant, key:NAME, user:NAME, team:NAME, agent:NAME, tag:NAME or run:*`,
  );
}

/** Limits as people see and change them, from the store, the project's file and the ledger. */
export function createLimitDesk({ stored, file, ledger, keys }: LimitDeskDeps): LimitDesk {
  /** The ids of the keys that a `key:…` subject means, by id or by name. */
  const keysOf = (subject: string, all: readonly KeyName[]): readonly KeyName[] => {
    const named = subject.slice('key:'.length);
    const byId = all.filter(({ id }) => id === named);
    return byId.length > 0 ? byId : all.filter(({ name }) => name === named);
  };

  /** The subject under which something is stored: keys by their ids. */
  const settle = async (scope: Scope, subject: string): Promise<string> => {
    checkSubject(subject);
    if (!subject.startsWith('key:') || isOfAll(subject)) return subject;
    const found = keysOf(subject, await keys.list(scope));
    const [one] = found;
    if (one === undefined) throw new AppError('not_found', `there is no API key "${subject.slice(4)}"`);
    if (found.length === 1) return `key:${one.id}`;
    throw new AppError(
      'conflict',
      `several API keys bear that name: ${found.map(({ id }) => id).join(', ')}`,
    );
  };

  const view = async (scope: Scope, subject: string, all: readonly KeyName[]): Promise<LimitView> => {
    const ofTenant = stored.of(scope.tenant);
    const fromFile = file();
    const tables = { stored: { get: (name: string) => ofTenant.get(name)?.values }, file: fromFile };
    const meant = subject.startsWith('key:') && !isOfAll(subject) ? keysOf(subject, all) : [];
    const effectiveOf = (one: string) => {
      const name = meant.find(({ id }) => one === `key:${id}`)?.name;
      return effectiveLimits(one, tables, name === undefined ? undefined : `key:${name}`) ?? {};
    };
    const counted = isOfAll(subject) ? [] : meant.length > 0 ? meant.map(({ id }) => `key:${id}`) : [subject];
    const use = await ledger.use(
      counted.map((one) => ({ key: subjectKey(scope.tenant, one), limits: effectiveOf(one) })),
    );
    return {
      subject,
      stored: ofTenant.get(subject) ?? null,
      file: fromFile.get(subject) ?? null,
      effective: effectiveOf(counted.length === 1 ? (counted[0] ?? subject) : subject),
      use: counted.map((one) => {
        const found = use.find(({ key }) => key === subjectKey(scope.tenant, one));
        const { key: _key, ...figures } = found ?? {
          key: '',
          requests: 0,
          tokens: 0,
          parallel: 0,
          budgets: [],
        };
        return { subject: one, ...figures };
      }),
    };
  };

  const mayRead = (scope: Scope, subject: string): boolean =>
    hasScope(scope, 'usage:read') || hasScope(scope, 'limits:write') || subject === scope.principal;

  return {
    async list(scope) {
      const all = await keys.list(scope);
      const names = new Set([...stored.of(scope.tenant).keys(), ...file().keys()]);
      if (!mayRead(scope, ''))
        return scope.principal.startsWith('key:') ? [await view(scope, scope.principal, all)] : [];
      return Promise.all([...names].toSorted().map((subject) => view(scope, subject, all)));
    },

    async get(scope, given) {
      const subject = await settle(scope, given);
      if (!mayRead(scope, subject))
        throw new AppError('forbidden', "others' limits need the permission usage:read");
      return view(scope, subject, await keys.list(scope));
    },

    async set(scope, given, values) {
      const subject = await settle(scope, given);
      if (isRun(subject))
        throw new AppError('invalid_request', 'one run has the limits of its agent; name run:* for all runs');
      await stored.set(scope, subject, values);
      return view(scope, subject, await keys.list(scope));
    },

    async remove(scope, given) {
      checkSubject(given);
      // What is stored for a key that is gone can still be removed, by its id.
      const subject = stored.of(scope.tenant).has(given) ? given : await settle(scope, given);
      if (await stored.remove(scope, subject)) return;
      const source = file().has(subject) ? 'they come from agent33.yaml' : 'there are none';
      throw new AppError('not_found', `no limits of "${subject}" are stored: ${source}`);
    },

    async reset(scope, given) {
      const subject = await settle(scope, given);
      if (isOfAll(subject))
        throw new AppError('invalid_request', `"${subject}" stands for many; name one of them`);
      await ledger.reset(subjectKey(scope.tenant, subject));
    },
  };
}
