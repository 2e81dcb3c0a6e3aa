import { describe, expect, it } from 'vitest';
import { TreeCursor } from './tree-cursor.ts';

describe('the cursor of a tree', () => {
  it('says where each run is, and reads what it said', () => {
    const cursor = TreeCursor.parse('0');
    cursor.moveTo('run_a', 1);
    cursor.moveTo('run_b', 1);
    cursor.moveTo('run_a', 2);
    expect(cursor.toString()).toBe('run_b:1,run_a:2');
    expect(TreeCursor.parse(cursor.toString()).positions).toEqual(
      new Map([
        ['run_b', 1],
        ['run_a', 2],
      ]),
    );
  });

  it('fits into a header however wide the tree is: the runs that were heard last stay', () => {
    const cursor = TreeCursor.parse('');
    for (let number = 0; number < 10_000; number += 1) cursor.moveTo(`run_${'0'.repeat(18)}${number}`, 7);
    const text = cursor.toString();
    expect(text.length).toBeGreaterThan(5900);
    expect(text.length).toBeLessThanOrEqual(6000);
    expect([...TreeCursor.parse(text).positions.keys()].at(-1)).toMatch(/9999$/);
    expect(cursor.positions.size).toBe(10_000);
  });

  it.each(['x', 'run_a', 'run_a:', 'run_a:-1', 'run_a:1,', 'run_a:1;run_b:2', 'run a:1', '5'])(
    'refuses "%s"',
    (text) => {
      expect(() => TreeCursor.parse(text)).toThrow('Last-Event-ID');
    },
  );
});
