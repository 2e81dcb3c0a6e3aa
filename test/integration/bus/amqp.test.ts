import { randomBytes } from 'node:crypto';
import { connect } from 'amqplib';
import { describe, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { AmqpBus, AmqpStreams } from '../../../src/platform/bus/index.ts';
import { busContract } from '../../../src/testing/contracts/bus-contract.ts';
import { streamContract } from '../../../src/testing/contracts/stream-contract.ts';
import { openCutLine } from './cut-line.ts';

const url = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

async function available(): Promise<boolean> {
  try {
    const connection = await connect(url, { timeout: 2000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

const newPrefix = () => `a33test.${process.pid}-${randomBytes(4).toString('hex')}.`;

/** Deletes what a run has made; a thing that is not there is no fault. */
async function remove(exchanges: readonly string[], queues: readonly string[]): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  for (const exchange of exchanges) await channel.deleteExchange(exchange);
  await connection.close();
}

if (await available()) {
  busContract('AMQP', async () => {
    const prefix = newPrefix();
    const line = await openCutLine(url);
    const open = (address: string) => new AmqpBus({ clock, logger, prefix, url: address });
    return {
      bus: open(line.url),
      peer: open(url),
      cut: line.cut,
      remove: async () => {
        await line.block();
        await remove([`${prefix}bus`, `${prefix}requests`], []);
      },
    };
  });

  const groups = ['one', 'two', 'shared', 'again', 'once', 'drain', 'fragile', 'picky', 'patient', 'slow'];
  streamContract('AMQP', async () => {
    const prefix = newPrefix();
    const line = await openCutLine(url);
    const open = (address: string) => new AmqpStreams({ clock, logger, prefix, url: address });
    return {
      streams: open(line.url),
      peer: open(url),
      prefix: '',
      keepsWithoutGroup: false,
      countsGivenBack: true,
      cut: line.cut,
      block: line.block,
      restore: line.restore,
      remove: async () => {
        await line.block();
        await remove(
          [`${prefix}orders`, `${prefix}dead`],
          [...groups, 'cut', 'left'].map((group) => `${prefix}orders.${group}`).concat(`${prefix}dead.desk`),
        );
      },
    };
  });
} else {
  describe('bus and streams on AMQP', () => {
    it.skip(`AMQP is not reachable at ${new URL(url).host}`, () => {});
  });
}
