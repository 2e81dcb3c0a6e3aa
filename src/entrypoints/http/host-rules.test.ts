import { describe, expect, it } from 'vitest';
import { createHostRules } from './host-rules.ts';

const rules = createHostRules({
  listenHost: '0.0.0.0',
  allowedHosts: ['Agents.example.com', '*.internal.test'],
  allowedOrigins: ['https://app.example.com/'],
});

describe('createHostRules', () => {
  it.each([
    'localhost',
    'localhost:8000',
    'LOCALHOST:1',
    '127.0.0.1:8000',
    '127.8.9.1',
    '[::1]:8000',
    'agents.example.com',
    'agents.example.com:443',
    'a.internal.test',
    '192.168.1.5:8000',
  ])('lets %s in', (host) => {
    expect(() => rules.checkHost(host, '::ffff:192.168.1.5')).not.toThrow();
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example:8000',
    'agents.example.com.evil.example',
    'internal.test',
    '192.168.1.6',
    '[::2]',
  ])('keeps %s out', (host) => {
    expect(() => rules.checkHost(host, '::ffff:192.168.1.5')).toThrow('API_ALLOWED_HOSTS');
  });

  it.each([
    ['https://app.example.com', 'agents.example.com'],
    ['http://localhost:8000', 'localhost:8000'],
    ['https://agents.example.com', 'agents.example.com'],
  ])('lets pages of %s call %s', (origin, host) => {
    expect(() => rules.checkOrigin(origin, host)).not.toThrow();
  });

  it.each([
    ['null', 'localhost:8000'],
    ['http://evil.example', 'localhost:8000'],
    ['http://localhost:3000', 'localhost:8000'],
    ['https://app.example.com.evil.example', 'localhost:8000'],
    ['not a url', 'localhost:8000'],
  ])('keeps pages of %s from %s', (origin, host) => {
    expect(() => rules.checkOrigin(origin, host)).toThrow('API_ALLOWED_ORIGINS');
  });
});
