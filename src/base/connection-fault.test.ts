import { expect, it } from 'vitest';
import { connectionFault } from './connection-fault.ts';

it.each([
  [Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:4222'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [new Error('outer', { cause: new Error('connect ENOTFOUND broker.internal') }), 'ENOTFOUND'],
  [
    new Error('outer', {
      cause: new AggregateError([Object.assign(new Error('x'), { code: 'EHOSTUNREACH' })]),
    }),
    'EHOSTUNREACH',
  ],
  [new Error('WRONGPASS invalid username-password pair'), 'WRONGPASS'],
  [new Error('timeout'), 'timeout'],
  [new Error('amqp://user:secret@10.0.0.7 is not for us'), 'no connection'],
  ['secret', 'no connection'],
])('says of %s: %s', (error, words) => {
  expect(connectionFault(error)).toBe(words);
});
