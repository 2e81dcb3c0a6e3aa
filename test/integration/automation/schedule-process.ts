import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { AutomationGround, tickerOf } from './automation-ground.ts';

// A process of its own that fires the schedule of schedule-kills.test.ts: a line on its input is the time that it is now,
// the same line on its output says that this process has looked.
const [url = ''] = process.argv.slice(2);
const ground = AutomationGround.on(url);
const own = await ground.startProcess({ execute: false });
ground.putTick();
const ticker = tickerOf(ground, own);
process.stdout.write('ready\n');
// It is killed as a rule: what it has compiled is kept for the next one now.
flushCompileCache();
for await (const line of createInterface({ input: process.stdin })) {
  ground.clock.jumpTo(Number(line));
  await ticker.tick();
  process.stdout.write(`${line}\n`);
}
