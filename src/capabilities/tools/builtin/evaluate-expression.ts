import { AppError } from '../../../base/index.ts';

const longestExpression = 500;
const deepest = 60;

const functions: Readonly<Record<string, (...values: number[]) => number>> = {
  sqrt: Math.sqrt,
  abs: Math.abs,
  round: Math.round,
  floor: Math.floor,
  ceil: Math.ceil,
  min: Math.min,
  max: Math.max,
  ln: Math.log,
  log: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
};

const constants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };

/**
 * Value of an arithmetic expression: `+ - * / ^`, parentheses, functions, `pi`, `e`, percentages (`17% of 230`).
 * Errors: `invalid_request`, naming the position.
 */
export function evaluateExpression(text: string): number {
  if (text.length > longestExpression) {
    throw new AppError('invalid_request', `expression: longer than ${longestExpression} characters`);
  }
  const source = text.toLowerCase();
  let position = 0;
  let depth = 0;

  const fail = (expected: string): never => {
    const found = position < source.length ? `"${source[position]}"` : 'the end';
    throw new AppError(
      'invalid_request',
      `expression: expected ${expected} at position ${position + 1}, found ${found}`,
    );
  };
  const skip = (): void => {
    while (/\s/.test(source[position] ?? '')) position += 1;
  };
  const take = (symbol: string): boolean => {
    skip();
    if (!source.startsWith(symbol, position)) return false;
    position += symbol.length;
    return true;
  };
  const match = (pattern: RegExp): string | undefined => {
    skip();
    const found = pattern.exec(source.slice(position))?.[0];
    if (found !== undefined) position += found.length;
    return found;
  };

  function sum(): number {
    depth += 1;
    if (depth > deepest) throw new AppError('invalid_request', 'expression: nested too deeply');
    let value = product();
    for (;;) {
      if (take('+')) value += product();
      else if (take('-')) value -= product();
      else break;
    }
    depth -= 1;
    return value;
  }
  function product(): number {
    let value = sign();
    for (;;) {
      if (take('*') || take('×')) value *= sign();
      else if (take('/') || take('÷')) {
        const divisor = sign();
        if (divisor === 0) throw new AppError('invalid_request', 'expression: division by zero');
        value /= divisor;
      } else if (match(/^mod\b/) !== undefined) value %= sign();
      else return value;
    }
  }
  function sign(): number {
    let negative = false;
    for (;;) {
      if (take('-')) negative = !negative;
      else if (!take('+')) return negative ? -power() : power();
    }
  }
  function power(): number {
    const base = percentage();
    if (!take('^') && !take('**')) return base;
    depth += 1;
    if (depth > deepest) throw new AppError('invalid_request', 'expression: nested too deeply');
    const value = base ** sign();
    depth -= 1;
    return value;
  }
  function percentage(): number {
    const value = atom();
    if (!take('%')) return value;
    return match(/^of\b/) === undefined ? value / 100 : (value / 100) * sign();
  }
  function atom(): number {
    if (take('(')) {
      const value = sum();
      if (!take(')')) fail('")"');
      return value;
    }
    const number = match(/^(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?/);
    if (number !== undefined) return Number(number.replaceAll('_', ''));
    const start = position;
    const name = match(/^[a-z]+/) ?? fail('a number, a function or "("');
    if (Object.hasOwn(constants, name)) return constants[name] ?? 0;
    const call = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (call === undefined) {
      position = start;
      return fail(`a number or one of ${[...Object.keys(functions), ...Object.keys(constants)].join(', ')}`);
    }
    if (!take('(')) fail('"("');
    const values = [sum()];
    while (take(',')) values.push(sum());
    if (!take(')')) fail('")"');
    return call(...values);
  }

  const value = sum();
  skip();
  if (position < source.length) fail('an operator or the end');
  if (!Number.isFinite(value))
    throw new AppError('invalid_request', 'expression: the result is not a finite number');
  return value;
}
