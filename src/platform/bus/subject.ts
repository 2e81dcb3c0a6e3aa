import { AppError } from '../../base/index.ts';

const token = /^[A-Za-z0-9_:-]+$/;
const longest = 255;

function malformed(kind: string, text: string, right: string): AppError {
  return new AppError('invalid_request', `"${text}" is no bus ${kind}; expected ${right}`);
}

/** Refuses anything but dot-separated tokens of letters, digits, `_`, `-` and `:`. Error: `invalid_request`. */
export function assertSubject(subject: string): void {
  if (subject.length <= longest && subject.split('.').every((part) => token.test(part))) return;
  throw malformed('subject', subject, 'tokens of letters, digits, "_", "-" or ":" separated by dots');
}

/** A predicate for the subjects that a pattern covers. Error: `invalid_request` for a malformed pattern. */
export function compilePattern(pattern: string): (subject: string) => boolean {
  const parts = pattern.split('.');
  const rest = parts.at(-1) === '>';
  const head = rest ? parts.slice(0, -1) : parts;
  if (pattern.length > longest || !head.every((part) => part === '*' || token.test(part))) {
    throw malformed('pattern', pattern, 'a subject in which a token may be "*" and the last one ">"');
  }
  if (!rest && !head.includes('*')) return (subject) => subject === pattern;
  return (subject) => {
    const tokens = subject.split('.');
    if (rest ? tokens.length <= head.length : tokens.length !== head.length) return false;
    return head.every((part, index) => part === '*' || part === tokens[index]);
  };
}
