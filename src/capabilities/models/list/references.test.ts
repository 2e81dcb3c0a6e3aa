import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { FakeClock } from '../../../testing/index.ts';
import { ReferenceResolver } from './references.ts';
import { createEnvironmentSecrets, type SecretReader } from './secret-reader.ts';

const environment = {
  PLAIN: 'value',
  EMPTY: '',
  SECRET_OPENAI_API_KEY: 'from-the-store',
  OPENAI_API_KEY: 'from-the-environment',
  SECRET_MY_VAULT_THE_FIELD: 'odd names',
};
const resolver = (given: { secrets?: SecretReader; onSecret?: (value: string) => void } = {}) =>
  new ReferenceResolver({
    environment,
    secrets: given.secrets ?? createEnvironmentSecrets(environment),
    clock: systemClock,
    onSecret: given.onSecret,
  });

describe('references', () => {
  it.each([
    ['os.environ/PLAIN', 'value', []],
    ['${PLAIN}', 'value', []],
    ['https://${PLAIN}.example/${PLAIN}', 'https://value.example/value', []],
    ['secret:openai:api_key', 'from-the-store', []],
    ['secret:my-vault:the.field', 'odd names', []],
    // A name that says whose key it is means the secret, where there is one.
    ['os.environ/OPENAI_API_KEY', 'from-the-store', []],
    ['${OPENAI_API_KEY}', 'from-the-environment', []],
    ['os.environ/EMPTY', '', ['the environment variable EMPTY is not set']],
    ['${NOPE}', '', ['the environment variable NOPE is not set']],
    ['os.environ/NOPE', '', ['the environment variable NOPE is not set']],
    ['secret:openai:nope', '', ['the secret openai:nope is not there']],
    // Only the whole text is a reference in these forms.
    ['see os.environ/PLAIN', 'see os.environ/PLAIN', []],
    ['secret:', 'secret:', []],
    ['sk-literal', 'sk-literal', []],
    ['$PLAIN', '$PLAIN', []],
  ])('%s', async (text, value, problems) => {
    expect(await resolver().resolve(text)).toMatchObject({ value, problems });
  });

  it('are found in lists and maps, and variables of the file come first', async () => {
    const value = { a: ['os.environ/PLAIN', 1, null], b: { c: '${PLAIN}' } };
    const found = await resolver().resolve(value, { variables: { PLAIN: 'own' } });
    expect(found.value).toEqual({ a: ['own', 1, null], b: { c: 'own' } });
    expect(found.references.map((one) => one.text)).toEqual(['${PLAIN}', 'os.environ/PLAIN']);
  });

  it('are not looked for in what a reference stands for', async () => {
    const found = await resolver().resolve('os.environ/NESTED', { variables: { NESTED: '${PLAIN}' } });
    expect(found.value).toBe('${PLAIN}');
  });

  it('tell values of secrets, but not addresses', async () => {
    const told: string[] = [];
    const one = resolver({ onSecret: (value) => told.push(value) });
    await one.resolve('os.environ/PLAIN', { plain: true });
    expect(told).toEqual([]);
    await one.resolve(['os.environ/PLAIN', 'secret:openai:api_key', 'literal']);
    expect(told.toSorted()).toEqual(['from-the-store', 'value']);
  });

  it('keep the last value while the store of secrets is down, and say so where there is none', async () => {
    let answer: () => Promise<string | undefined> = () => Promise.resolve('first');
    const one = resolver({ secrets: { get: () => answer() } });
    expect((await one.resolve('secret:a:b')).value).toBe('first');
    answer = () => Promise.reject(new Error('down'));
    expect(await one.resolve('secret:a:b')).toMatchObject({ value: 'first', problems: [] });
    expect((await one.resolve('secret:a:c')).problems).toEqual(['the secret a:c is not there']);
    // What was deleted is gone.
    answer = () => Promise.resolve(undefined);
    expect((await one.resolve('secret:a:b')).problems).toHaveLength(1);
    answer = () => Promise.reject(new Error('down'));
    expect((await one.resolve('secret:a:b')).problems).toHaveLength(1);
  });

  it('wait five seconds for a secret and no longer, and tell the store so', async () => {
    const clock = new FakeClock();
    let aborted = false;
    const one = new ReferenceResolver({
      environment,
      clock,
      secrets: {
        get: (_provider, _field, _user, options) =>
          new Promise(() => {
            options?.signal?.addEventListener('abort', () => (aborted = true));
          }),
      },
    });
    const asked = one.resolve('secret:slow:field');
    await clock.advance(4999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    expect((await asked).problems).toEqual(['the secret slow:field is not there']);
    expect(aborted).toBe(true);
  });

  it('survive a reader that throws at once', async () => {
    const one = resolver({
      secrets: {
        get: () => {
          throw new Error('broken with sk-secret');
        },
      },
    });
    expect((await one.resolve('secret:a:b')).problems).toEqual(['the secret a:b is not there']);
  });
});
