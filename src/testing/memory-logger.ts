import type { Logger } from '../base/index.ts';

/** One line that was logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines, so that a test can ask what was said. */
export function createMemoryLogger(): Logger & { readonly lines: readonly LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const build = (bound: Readonly<Record<string, unknown>>): Logger => {
    const log =
      (level: LoggedLine['level']) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void => {
        lines.push({ level, message, fields: { ...bound, ...fields } });
      };
    return {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
      child: (fields) => build({ ...bound, ...fields }),
    };
  };
  return { ...build({}), lines };
}
