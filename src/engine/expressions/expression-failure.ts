import { AppError } from '../../base/index.ts';

const longestShown = 200;

/** An expression as an error shows it: on one line, not too long. */
export function shorten(text: string): string {
  const line = text
    .slice(0, 4 * longestShown)
    .trim()
    .replaceAll(/\s+/g, ' ');
  return line.length > longestShown ? `${line.slice(0, longestShown)}…` : line;
}

/** `expression_failed`, naming the expression. */
export function expressionFailure(template: string, reason: string, cause?: unknown): AppError {
  return new AppError('expression_failed', `${shorten(template)}: ${reason}`, { cause });
}
