import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

describe('the time to wait before the next call', () => {
  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '150', 'retry-after': '7' }, 150],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 50_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
    [{ 'x-ms-retry-after-ms': '2500', 'retry-after': '3' }, 2500],
    [{ 'retry-after-ms': 'soon', 'retry-after': '3' }, 3000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j', (headers, expected) => {
    expect(retryAfterMs(headers, 10_000)).toBe(expected);
  });

  it("is found in Google's body where no header says it", () => {
    const body = JSON.stringify({
      error: {
        code: 429,
        status: 'RESOURCE_EXHAUSTED',
        details: [
          { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.5s' },
        ],
      },
    });
    expect(retryAfterMs({}, 0, body)).toBe(34_500);
    expect(retryAfterMs({ 'retry-after': '7' }, 0, body)).toBe(7000);
  });
});
