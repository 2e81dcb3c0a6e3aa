import { describe, expect, it } from 'vitest';
import type { PermissionScope } from '../../../protocol/index.ts';
import { capacityOf } from './approval-rights.ts';

const decide: readonly PermissionScope[] = ['approvals:decide'];
const escalated = new Date(0);

function asked(more: { approvers?: string[]; escalate_to?: string[]; escalated_at?: Date } = {}) {
  return {
    id: 'apr_1',
    requested_by: 'key:asker',
    approvers: more.approvers ?? [],
    escalate_to: more.escalate_to ?? [],
    escalated_at: more.escalated_at ?? null,
  };
}

const scope = (principal: string, scopes: readonly PermissionScope[] = decide) => ({
  tenant: 'default',
  principal,
  scopes,
});

describe('who may decide an approval', () => {
  it.each([
    ['anybody with the permission where nobody is named', scope('key:x'), asked(), 'permission'],
    ['the asker too where nobody is named', scope('key:asker'), asked(), 'permission'],
    ['an approver', scope('user:ada'), asked({ approvers: ['user:ada'] }), 'approver'],
    ['the asker as approver', scope('key:asker'), asked({ approvers: ['key:asker'] }), 'approver'],
    [
      'whom it was escalated to',
      scope('user:boss'),
      asked({ approvers: ['user:ada'], escalate_to: ['user:boss'], escalated_at: escalated }),
      'escalation',
    ],
    ['an administrator', scope('key:root', ['admin']), asked({ approvers: ['user:ada'] }), 'admin'],
    [
      'anybody with the permission after an escalation too, where nobody is named',
      scope('key:x'),
      asked({ escalate_to: ['user:boss'], escalated_at: escalated }),
      'permission',
    ],
  ] as const)('%s', (_who, given, approval, capacity) => {
    expect(capacityOf(given, approval)).toBe(capacity);
  });

  it.each([
    [
      'nobody without the permission',
      scope('user:ada', ['runs:write']),
      asked({ approvers: ['user:ada'] }),
      /permission/,
    ],
    [
      'nobody who is not named',
      scope('user:eve'),
      asked({ approvers: ['user:ada'] }),
      /is for user:ada, not for user:eve/,
    ],
    ['no part of a name', scope('user:ad'), asked({ approvers: ['user:ada'] }), /not for user:ad/],
    [
      'not those it may be escalated to before it is',
      scope('user:boss'),
      asked({ approvers: ['user:ada'], escalate_to: ['user:boss'] }),
      /not for user:boss/,
    ],
    [
      'not the asker, administrator or not, where others are named',
      scope('key:asker', ['admin']),
      asked({ approvers: ['user:ada'] }),
      /asked for this and cannot decide it/,
    ],
  ] as const)('%s', (_who, given, approval, reason) => {
    expect(() => capacityOf(given, approval)).toThrow(
      expect.objectContaining({ code: 'forbidden', message: expect.stringMatching(reason) as string }),
    );
  });
});
