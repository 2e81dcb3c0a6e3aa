import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../base/index.ts';
import { evaluateExpression } from './evaluate-expression.ts';

/** An expression with its value as JavaScript has it. */
interface Known {
  readonly text: string;
  readonly value: number;
}
const { tree } = fc.letrec<{ tree: Known; leaf: Known; node: Known }>((tie) => ({
  tree: fc.oneof({ maxDepth: 6 }, tie('leaf'), tie('node')),
  leaf: fc.integer({ min: 0, max: 1000 }).map((value) => ({ text: String(value), value })),
  node: fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*'), tie('tree')).map(([left, sign, right]) => ({
    text: `(${left.text} ${sign} ${right.text})`,
    value:
      sign === '+'
        ? left.value + right.value
        : sign === '-'
          ? left.value - right.value
          : left.value * right.value,
  })),
}));

describe('expressions', () => {
  it.each([
    ['2 + 3 * 4', 14],
    ['-2 ^ 2', -4],
    ['2 ^ 3 ^ 2', 512],
    ['10 - 4 - 3', 3],
    ['17% of 230', 39.1],
    ['50%', 0.5],
    ['sqrt(16) + max(1, 2, 3)', 7],
    ['1_000 × 2 ÷ 4', 500],
    ['7 mod 4', 3],
    ['2 * -3', -6],
    ['1e3 + .5', 1000.5],
  ])('%s is %d', (text, value) => {
    expect(evaluateExpression(text)).toBeCloseTo(value, 10);
  });

  it.each([
    ['', 'position 1'],
    ['2 +', 'found the end'],
    ['2 2', 'expected an operator'],
    ['1 / 0', 'division by zero'],
    ['9 ^ 9 ^ 9', 'not a finite number'],
    ['process.exit()', 'expected a number or one of'],
    ['constructor', 'expected a number or one of'],
    ['__proto__', 'expected a number'],
    [`${'('.repeat(400)}1`, 'nested too deeply'],
    [`${'-'.repeat(499)}1 +${'1'.repeat(200)}`, 'longer than'],
    ['sqrt(-1)', 'not a finite number'],
  ])('refuses %j, saying why', (text, reason) => {
    expect(() => evaluateExpression(text)).toThrow(reason);
  });

  it('agrees with JavaScript on any tree of sums and products', () => {
    fc.assert(
      fc.property(
        tree.filter(({ text }) => text.length < 480),
        ({ text, value }) => {
          expect(evaluateExpression(text)).toBe(value);
        },
      ),
    );
  });

  it('answers anything with a finite number or a clear refusal', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('(', ')', '+', '%', ' of ', '^', 'sqrt(', '1e308', ',', 'mod', 'pi', '*', '9'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          expect(Number.isFinite(evaluateExpression(pieces.join('')))).toBe(true);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.code).toBe('invalid_request');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
