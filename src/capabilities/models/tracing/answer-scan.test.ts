import { describe, expect, it } from 'vitest';
import { AnswerScan } from './answer-scan.ts';

function scanned(text: string, size: number): AnswerScan {
  const scan = new AnswerScan();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) scan.read(bytes.subarray(at, at + size));
  return scan;
}

describe('an answer in bytes', () => {
  it.each([1, 7, 5000])('tells its model and why it ended, in pieces of %i bytes', (size) => {
    const scan = scanned(
      'data: {"model":"gpt-x","choices":[{"delta":{"content":"é"},"finish_reason":null}]}\n\ndata: {"model":"gpt-x","choices":[{"finish_reason":"tool_calls"}]}\n\n',
      size,
    );
    expect([scan.model, [...scan.finishReasons]]).toEqual(['gpt-x', ['tool_calls']]);
  });

  it('takes nothing from what is said in it', () => {
    const said = JSON.stringify({ content: '{"model":"lie","finish_reason":"lie"}' });
    const scan = scanned(`${said},{"model": "true-one", "stop_reason" : "end_turn"}`, 9);
    expect([scan.model, [...scan.finishReasons]]).toEqual(['true-one', ['end_turn']]);
  });
});
