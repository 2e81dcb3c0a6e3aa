import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../protocol/index.ts';
import { wholeExchanges } from './trim-history.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const said = (content: string): ChatMessage => ({ role: 'assistant', content });
const calls = (content: string, ...ids: string[]): ChatMessage => ({
  role: 'assistant',
  content,
  toolCalls: ids.map((id) => ({ id, name: 'look', arguments: {} })),
});
const result = (id: string): ChatMessage => ({ role: 'tool', toolCallId: id, name: 'look', content: id });

describe('the history that an agent is told', () => {
  it('is left alone when it is whole', () => {
    const whole = [user('1'), calls('', 'a', 'b'), result('a'), result('b'), said('2'), user('3'), said('4')];
    expect(wholeExchanges(whole)).toEqual(whole);
    expect(wholeExchanges([])).toEqual([]);
  });

  it('begins with a question where the budget cut into an exchange', () => {
    const rest = [user('next'), said('answer')];
    expect(wholeExchanges([result('a'), said('old'), ...rest])).toEqual(rest);
    expect(wholeExchanges([calls('', 'a'), result('a'), said('old'), ...rest])).toEqual(rest);
    expect(wholeExchanges([result('a'), said('old')])).toEqual([]);
  });

  it('leaves out calls that never got a result, and keeps what was said beside them', () => {
    expect(wholeExchanges([user('1'), calls('', 'theirs'), user('2')])).toEqual([user('1'), user('2')]);
    expect(wholeExchanges([user('1'), calls('I will look.', 'theirs'), user('2')])).toEqual([
      user('1'),
      said('I will look.'),
      user('2'),
    ]);
    expect(wholeExchanges([user('1'), calls('', 'a', 'b'), result('b'), said('2')])).toEqual([
      user('1'),
      calls('', 'b'),
      result('b'),
      said('2'),
    ]);
  });

  it('pairs a result only with the call right before it', () => {
    expect(wholeExchanges([user('1'), calls('', 'a'), user('2'), result('a'), said('3')])).toEqual([
      user('1'),
      user('2'),
      said('3'),
    ]);
  });

  it('never splits a call from its result, wherever it is cut', () => {
    const ids = fc.constantFrom('a', 'b', 'c');
    const message = fc.oneof(
      fc.constantFrom(user('u'), said('s')),
      fc.uniqueArray(ids, { minLength: 1 }).map((some) => calls('', ...some)),
      ids.map(result),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
        const kept = wholeExchanges(messages);
        const open = new Set<string>();
        for (const one of kept) {
          if (one.role === 'tool') expect(open.delete(one.toolCallId)).toBe(true);
          else expect([...open]).toEqual([]);
          if (one.role === 'assistant') for (const call of one.toolCalls ?? []) open.add(call.id);
        }
        expect([...open]).toEqual([]);
        // Everything people said after the first question is still there, in order.
        expect(kept.filter((one) => one.role === 'user')).toHaveLength(
          messages.filter((one) => one.role === 'user').length,
        );
        expect(wholeExchanges(kept)).toEqual(kept);
      }),
    );
  });
});
