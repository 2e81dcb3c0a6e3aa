import { pino } from 'pino';
import { systemClock, type Logger } from '../../base/index.ts';
import { BatchedLines } from './batched-lines.ts';
import { loggable } from './loggable.ts';
import { prettyLine } from './pretty-line.ts';
import { Redactor } from './redactor.ts';

export interface LoggerOptions {
  /** `warning` means `warn`. */
  readonly level: 'debug' | 'info' | 'warning' | 'warn' | 'error' | 'silent';
  /** Where lines go, by default standard error. */
  readonly destination?: { write(line: string): void };
  /** Lines for people instead of JSON; by default when standard error is a terminal. */
  readonly pretty?: boolean;
  /** Takes known secrets out of each line; share it with whatever learns new ones. */
  readonly redactor?: Redactor;
}

type Fields = Readonly<Record<string, unknown>>;

function wrap(logger: pino.Logger): Logger {
  const log =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: Fields, message: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](loggable(fields), message);
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => wrap(logger.child(loggable(fields) as Record<string, unknown>)),
  };
}

/** Lines that tell of trouble are there at once, and so is what a person reads along. */
const ordinary = /^\{"level":"(?:debug|info)"/;

/** Standard error, which lines of ordinary traffic reach in batches. */
function standardError(immediate: boolean): (line: string) => void {
  const sink = pino.destination({ fd: 2, sync: true });
  if (immediate) return (line) => void sink.write(line);
  const lines = new BatchedLines(sink, systemClock);
  process.on('exit', () => lines.flush());
  return (line) => lines.write(line, !ordinary.test(line));
}

/** The process's log: JSON lines for machines, short lines on a terminal, never a secret in either. */
export function createLogger(options: LoggerOptions): Logger {
  const redactor = options.redactor ?? new Redactor();
  const toTerminal = options.destination === undefined && process.stderr.isTTY;
  const pretty = options.pretty ?? toTerminal;
  const { destination } = options;
  const write = destination === undefined ? standardError(pretty) : (line: string) => destination.write(line);
  return wrap(
    pino(
      {
        level: options.level === 'warning' ? 'warn' : options.level,
        base: null,
        messageKey: 'message',
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      {
        write(line: string) {
          const safe = redactor.redact(line);
          write(pretty ? prettyLine(safe, toTerminal) : safe);
        },
      },
    ),
  );
}
