import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { createLogger, Redactor, type LoggerOptions } from './index.ts';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: 'debug', pretty: false, destination, ...options });
  return { logger, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  it('writes one JSON line with level, time, message and fields, the child’s included', () => {
    const { logger, entries } = capture();
    logger.child({ runId: 'run_1' }).info({ ms: 4 }, 'run ended');
    expect(entries()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        message: 'run ended',
        runId: 'run_1',
        ms: 4,
      },
    ]);
  });

  it('takes "warning" as a level and leaves lower lines out', () => {
    const { logger, entries } = capture({ level: 'warning' });
    logger.info({}, 'not this');
    logger.warn({}, 'this');
    expect(entries().map(({ message }) => message)).toEqual(['this']);
  });

  it('removes secrets by the name of their field at any depth, but keeps counts of tokens', () => {
    const { logger, lines } = capture();
    const secret = 'do-not-show-me';
    logger.child({ api_key: secret }).info(
      {
        headers: { Authorization: secret, cookie: [secret], 'x-api-key': secret },
        token: secret,
        maxToken: 7,
      },
      'call',
    );
    expect(lines.join()).not.toContain(secret);
    expect(lines.join()).toContain('"maxToken":7');
  });

  it('removes learned values wherever they stand, in their encoded forms too', () => {
    const redactor = new Redactor();
    const secret = 'pa"ss/w+rd ünd';
    redactor.learn([secret, 'short']);
    const { logger, lines } = capture({ redactor });
    const base64 = Buffer.from(secret).toString('base64');
    logger.info({ plain: `x${secret}y`, url: `?q=${encodeURIComponent(secret)}`, base64 }, 'short stays');
    expect(lines[0]).not.toContain('ss/w');
    expect(lines[0]).not.toContain(encodeURIComponent(secret));
    expect(lines[0]).not.toContain(base64);
    expect(lines[0]).toContain('short stays');
    expect(() => JSON.parse(lines[0] ?? '') as unknown).not.toThrow();
  });

  it('recognises the shape of credentials that nobody told it about', () => {
    const { logger, lines } = capture();
    const key = 'a33_abcd1234_0123456789012345678901234567890123456789';
    logger.info(
      {
        a: key,
        b: 'Bearer abcdefghijkl',
        c: 'postgresql://app:hunter22@db/x',
        d: 'sk-abcdefghijklmnopqrstuv',
      },
      'x',
    );
    for (const secret of [key, 'abcdefghijkl', 'hunter22']) expect(lines[0]).not.toContain(secret);
    expect(lines[0]).toContain('postgresql://app:[redacted]@db/x');
  });

  it('spells errors out with code, cause and stack, their details without secrets', () => {
    const { logger, entries } = capture();
    const cause = new Error('socket closed');
    logger.error(
      { error: new AppError('upstream_error', 'no answer', { cause, details: { password: 'p'.repeat(9) } }) },
      'call failed',
    );
    expect(entries()[0]?.['error']).toMatchObject({
      code: 'upstream_error',
      message: 'no answer',
      details: { password: '[redacted]' },
      cause: { message: 'socket closed' },
      stack: expect.stringContaining('create-logger.test'),
    });
  });

  it('survives what JSON cannot hold', () => {
    const { logger, entries } = capture();
    const circle: Record<string, unknown> = { big: 2n ** 70n, bytes: new Uint8Array(3) };
    circle['self'] = circle;
    logger.info(circle, 'odd');
    expect(entries()[0]).toMatchObject({ big: '1180591620717411303424', bytes: '[3 bytes]' });
  });

  it('writes a short line for people where asked', () => {
    const { logger, lines } = capture({ pretty: true });
    logger.warn({ name: 'a b', count: 2, error: new Error('bad luck') }, 'it slipped');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d WARN {2}it slipped name="a b" count=2 error="bad luck"\n {4}Error/,
    );
  });
});
