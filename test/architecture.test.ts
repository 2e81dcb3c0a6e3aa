import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { violations } from './architecture-rules.ts';

test('every source file keeps to the layers, siblings, front doors and homes', () => {
  const files = globSync('src/**/*.{ts,tsx}').map((file) => file.replaceAll('\\', '/'));
  expect(files.length).toBeGreaterThan(40);
  const faults = files.flatMap((file) => violations(file, readFileSync(file, 'utf8')));
  expect(faults).toEqual([]);
});

test.each([
  ['an upward import', 'src/engine/runs/x.ts', `import { a } from '../../entrypoints/http/index.ts';`],
  ['an upward type import', 'src/base/x.ts', `import type { A } from '../protocol/index.ts';`],
  ['a sibling that is not allowed', 'src/engine/runs/x.ts', `export * from '../agents/index.ts';`],
  ['a side door', 'src/engine/agents/x.ts', `import { a } from '../runs/journal.ts';`],
  ['a heavy package outside its home', 'src/engine/runs/x.ts', `const a = await import('pg');`],
  ['a scoped heavy package', 'src/engine/runs/x.ts', `import { PGlite } from '@electric-sql/pglite';`],
  ['a folder that is no layer', 'src/utils/x.ts', `export const a = 1;`],
  ['a module that is not listed', 'src/platform/stuff/x.ts', `export const a = 1;`],
  ['a path that leaves src', 'src/base/x.ts', `import { a } from '../../bench/main.ts';`],
  ['an import by the own name', 'src/base/x.ts', `import { a } from 'agent33/testing';`],
  ['a bare timer', 'src/engine/runs/x.ts', `setTimeout(() => {}, 5);`],
])('the rule finds %s', (_what, file, source) => {
  expect(violations(file, source)).toHaveLength(1);
});

test.each([
  ['an allowed sibling', 'src/engine/agents/x.ts', `import type { A } from '../runs/index.ts';`],
  ['base from anywhere', 'src/cli/x.ts', `import { a } from '../base/index.ts';`],
  ['the same folder', 'src/engine/runs/x.ts', `import { a } from './journal.ts';`],
  ['a commented import', 'src/base/x.ts', `// import { a } from '../cli/index.ts';`],
  ['fakes in a test', 'src/engine/runs/x.test.ts', `import { a } from '../../testing/fake-clock.ts';`],
])('the rule lets %s pass', (_what, file, source) => {
  expect(violations(file, source)).toEqual([]);
});
