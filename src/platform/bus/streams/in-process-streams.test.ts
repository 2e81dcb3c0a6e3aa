import { silentLogger as logger, systemClock as clock } from '../../../base/index.ts';
import { streamContract } from '../../../testing/contracts/stream-contract.ts';
import { InProcessStreams } from '../index.ts';

streamContract('in-process', () => {
  const streams = new InProcessStreams({ clock, logger });
  return { streams, peer: streams, prefix: '', keepsWithoutGroup: true, countsGivenBack: true };
});
