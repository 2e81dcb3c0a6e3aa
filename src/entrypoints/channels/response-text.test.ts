import { describe, expect, it } from 'vitest';
import { noUsage, type AgentResponse } from '../../protocol/index.ts';
import { responseText } from './response-text.ts';

const response = (more: Partial<AgentResponse>): AgentResponse => ({
  id: 'rsp_1',
  requestId: 'req_1',
  runId: 'run_1',
  sessionId: null,
  status: 'completed',
  text: 'The answer.',
  output: null,
  error: null,
  executionTimeMs: 1,
  usage: noUsage,
  metadata: {},
  ...more,
});
const citation = (file: string) => ({ id: `${file}#L3-L5`, file, heading: 'Refunds', line: 3, quote: '…' });

describe('the text of a response', () => {
  it('lists each source once, unless the answer names it', () => {
    const output = { citations: [citation('a.md'), citation('a.md'), citation('b.md'), { odd: true }] };
    expect(responseText(response({ output }))).toBe(
      'The answer.\n\nSources:\n- `a.md`, Refunds (line 3)\n- `b.md`, Refunds (line 3)',
    );
    expect(responseText(response({ output, text: 'See a.md and [b.md#L3-L5].' }))).toBe(
      'See a.md and [b.md#L3-L5].',
    );
  });

  it('is a polite sentence for errors, time-outs and empty answers', () => {
    const error = (code: 'cancelled' | 'internal' | 'model_unavailable') =>
      responseText(
        response({ status: 'error', error: { code, message: 'ECONNREFUSED 10.0.0.1', retryable: false } }),
      );
    expect(error('cancelled')).toBe('Stopped.');
    expect(error('model_unavailable')).not.toContain('ECONNREFUSED');
    expect(error('internal')).toContain('run_1');
    expect(responseText(response({ status: 'timeout' }))).toContain('too long');
    expect(responseText(response({ text: '  ' }))).not.toBe('');
  });
});
