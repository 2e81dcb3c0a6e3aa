import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { NatsBus, NatsStreams } from '../../../src/platform/bus/index.ts';
import { busContract } from '../../../src/testing/contracts/bus-contract.ts';
import { streamContract } from '../../../src/testing/contracts/stream-contract.ts';
import { openCutLine } from './cut-line.ts';

const url = process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222';

async function available(): Promise<boolean> {
  try {
    const connection = await connect({ servers: new URL(url).host, timeout: 2000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

const newPrefix = () => `a33test.${process.pid}-${randomBytes(4).toString('hex')}.`;

if (await available()) {
  busContract('NATS', async () => {
    const prefix = newPrefix();
    const line = await openCutLine(url);
    const open = (address: string) => new NatsBus({ clock, logger, prefix, url: address });
    return {
      bus: open(line.url),
      peer: open(url),
      cut: line.cut,
      remove: line.block,
    };
  });

  streamContract('NATS', async () => {
    const prefix = newPrefix();
    const line = await openCutLine(url);
    const open = (address: string) => new NatsStreams({ clock, logger, prefix, url: address });
    return {
      streams: open(line.url),
      peer: open(url),
      prefix: '',
      keepsWithoutGroup: true,
      countsGivenBack: false,
      cut: line.cut,
      block: line.block,
      restore: line.restore,
      remove: async () => {
        await line.block();
        const connection = await connect({ servers: new URL(url).host });
        const manager = await jetstreamManager(connection);
        const ours = prefix.replaceAll('.', '_');
        for await (const { config } of manager.streams.list()) {
          if (config.name.startsWith(ours)) await manager.streams.delete(config.name);
        }
        await connection.close();
      },
    };
  });
} else {
  describe('bus and streams on NATS', () => {
    it.skip(`NATS is not reachable at ${url}`, () => {});
  });
}
