import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './provider-error.ts';

describe('the time to wait before the next call', () => {
  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '150', 'retry-after': '7' }, 150],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 50_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j', (headers, expected) => {
    expect(retryAfterMs(headers, 10_000)).toBe(expected);
  });
});
